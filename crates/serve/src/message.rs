//! A message: a title, sections of lines whose names and numbers lead to their pages, and notes. Alerts, digests and tests of
//! channels are messages; they go out as Markdown, plain text, HTML that mail programs show, and each chat's own markup.
//!
//! In: [`Line`]s (made by [`crate::telling`]). Out: text. Invariant: whatever stands in a name, it stays text: each markup
//! escapes what it would take for its own. To add a markup: an implementation of [`Markup`].

use std::fmt::Write as _;

use crowsnest_lake::Language;
use crowsnest_run::happening::Happening;
use serde::{Deserialize, Serialize};

use crate::words::say;

/// A piece of a line: text, with the page that it leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) path: String,
}

/// One thing told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) parts: Vec<Part>,
    /// What is said besides, in small.
    #[serde(default)]
    pub(crate) aside: String,
}

impl Line {
    /// Its words alone.
    pub(crate) fn words(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }
}

/// Lines of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) lines: Vec<Line>,
    /// How much more there was.
    #[serde(default)]
    pub(crate) n_more: usize,
}

/// What is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// `alerts`, `digest` or `test`.
    pub(crate) kind: String,
    pub(crate) language: Language,
    pub(crate) title: String,
    pub(crate) sections: Vec<Section>,
    pub(crate) notes: Vec<String>,
    /// The page that tells the same.
    pub(crate) path: String,
    /// Where pages can be reached; links are left out where nobody said.
    pub(crate) base_url: Option<String>,
    /// The same for programs.
    pub(crate) happenings: Vec<Happening>,
    /// What stands above it on paper; only of digests, which may go along with mail as PDF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Head>,
}

/// The head of a message that is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The market's title.
    pub(crate) market: String,
    /// What it is, without market and day.
    pub(crate) title: String,
    /// The day of which it is, `2025-02-01`.
    pub(crate) day: String,
}

/// How a kind of text writes what a message is made of.
pub(crate) trait Markup {
    /// Plain words, so that nothing in them is taken for markup.
    fn text(&self, words: &str) -> String;
    /// Words (as [`Markup::text`] has made them) that lead to an address.
    fn link(&self, words: &str, address: &str) -> String;
    /// The title, escaped already.
    fn title(&self, words: &str) -> String;
    /// A heading, escaped already.
    fn heading(&self, words: &str) -> String;
    /// A line of a list, with what is said besides.
    fn line(&self, words: &str, aside: &str) -> String;
}

impl Message {
    fn address(&self, path: &str) -> Option<String> {
        let base = self.base_url.as_ref().filter(|_| !path.is_empty())?;
        Some(format!("{base}{path}"))
    }

    fn line(&self, line: &Line, markup: &dyn Markup) -> String {
        let mut words = String::new();
        for part in &line.parts {
            let text = markup.text(&part.text);
            match self.address(&part.path) {
                Some(address) => words.push_str(&markup.link(&text, &address)),
                None => words.push_str(&text),
            }
        }
        markup.line(&words, &markup.text(&line.aside))
    }

    /// The message in a markup, in at most `n_bytes_max` bytes: lines that find no place are counted. With its title, or
    /// without where that goes elsewhere.
    pub(crate) fn write(&self, markup: &dyn Markup, n_bytes_max: usize, has_title: bool) -> String {
        // What comes at the end has to find its place.
        const RESERVED: usize = 400;
        let most = n_bytes_max.saturating_sub(RESERVED);
        let mut text = String::new();
        if has_title {
            text.push_str(&markup.title(&markup.text(&cut(&self.title, most / 2))));
        }
        let mut n_left_out = 0;
        for section in &self.sections {
            let heading =
                if section.heading.is_empty() { String::new() } else { markup.heading(&markup.text(&section.heading)) };
            let mut is_headed = heading.is_empty();
            for line in &section.lines {
                let line = self.line(line, markup);
                let needed = line.len() + if is_headed { 0 } else { heading.len() };
                if text.len() + needed > most {
                    n_left_out += 1;
                    continue;
                }
                if !is_headed {
                    text.push_str(&heading);
                    is_headed = true;
                }
                text.push_str(&line);
            }
            n_left_out += section.n_more;
        }
        for note in &self.notes {
            let note = markup.line(&markup.text(note), "");
            if text.len() + note.len() <= n_bytes_max.saturating_sub(RESERVED / 2) {
                text.push_str(&note);
            }
        }
        text.push_str(&self.rest(markup, n_left_out));
        text
    }

    /// How much more there is, and where.
    fn rest(&self, markup: &dyn Markup, n_left_out: usize) -> String {
        let words = match n_left_out {
            0 => say(self.language, "tell.open").to_owned(),
            n => say(self.language, "tell.more").replacen("{}", &n.to_string(), 1),
        };
        let words = markup.text(&words);
        match self.address(&self.path) {
            Some(address) => markup.line(&markup.link(&words, &address), ""),
            None if n_left_out > 0 => markup.line(&words, ""),
            None => String::new(),
        }
    }

    /// Everything in plain text.
    pub(crate) fn plain(&self) -> String {
        self.write(&Plain, usize::MAX, true)
    }

    /// Everything in Markdown.
    pub(crate) fn markdown(&self) -> String {
        self.write(&Markdown, usize::MAX, true)
    }

    /// Everything as a page that mail programs show: styles are on the elements themselves, and nothing runs or loads.
    pub(crate) fn mail_page(&self) -> String {
        let body = self.mail_body();
        format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"><title>{}</title></head>\n\
             <body style=\"margin:0;padding:24px 16px;background:#f4f5f7\">\n\
             <div style=\"max-width:640px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px;\
             font:15px/1.5 -apple-system,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',Arial,sans-serif;\
             color:#1d2430\">\n<h1 style=\"margin:0 0 16px;font-size:20px;line-height:1.3\">{}</h1>\n{body}</div></body></html>\n",
            self.language.tag(),
            escaped(&self.title),
            escaped(&self.title),
        )
    }

    /// The same without what stands around it, for feeds.
    pub(crate) fn mail_body(&self) -> String {
        let mut html = String::new();
        for section in self.sections.iter().filter(|section| !section.lines.is_empty()) {
            if !section.heading.is_empty() {
                // Infallible: writing to a String never fails.
                let _ = writeln!(
                    html,
                    "<h2 style=\"margin:20px 0 6px;font-size:15px;color:#5a6472\">{}</h2>",
                    escaped(&section.heading)
                );
            }
            html.push_str("<ul style=\"margin:0;padding:0 0 0 18px\">\n");
            for line in &section.lines {
                let _ = writeln!(html, "<li style=\"margin:4px 0\">{}</li>", self.mail_line(line));
            }
            html.push_str("</ul>\n");
            if section.n_more > 0 {
                let more = say(self.language, "tell.more").replacen("{}", &section.n_more.to_string(), 1);
                let _ = writeln!(html, "<p style=\"margin:4px 0;color:#5a6472\">{}</p>", escaped(&more));
            }
        }
        for note in &self.notes {
            let _ = writeln!(html, "<p style=\"margin:12px 0 0;color:#5a6472;font-size:13px\">{}</p>", escaped(note));
        }
        if let Some(address) = self.address(&self.path) {
            let _ = writeln!(
                html,
                "<p style=\"margin:16px 0 0\"><a style=\"color:#0b5fb0\" href=\"{}\">{}</a></p>",
                escaped(&address),
                escaped(say(self.language, "tell.open"))
            );
        }
        html
    }

    fn mail_line(&self, line: &Line) -> String {
        let mut html = String::new();
        for part in &line.parts {
            match self.address(&part.path) {
                Some(address) => {
                    let _ = write!(
                        html,
                        "<a style=\"color:#0b5fb0;text-decoration:none\" href=\"{}\">{}</a>",
                        escaped(&address),
                        escaped(&part.text)
                    );
                }
                None => html.push_str(&escaped(&part.text)),
            }
        }
        if !line.aside.is_empty() {
            let _ = write!(html, "<br><span style=\"color:#5a6472;font-size:13px\">{}</span>", escaped(&line.aside));
        }
        html
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, n_bytes_max: usize) -> String {
    if text.len() <= n_bytes_max {
        return text.to_owned();
    }
    let mut end = n_bytes_max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Text for HTML and XML, attributes included; characters that XML has no place for are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// Text without line ends and other characters that steer.
fn flat(words: &str) -> String {
    words.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Words and addresses alone.
pub(crate) struct Plain;

impl Markup for Plain {
    fn text(&self, words: &str) -> String {
        flat(words)
    }

    fn link(&self, words: &str, _address: &str) -> String {
        words.to_owned()
    }

    fn title(&self, words: &str) -> String {
        format!("{words}\n")
    }

    fn heading(&self, words: &str) -> String {
        format!("\n{words}\n")
    }

    fn line(&self, words: &str, aside: &str) -> String {
        if aside.is_empty() { format!("- {words}\n") } else { format!("- {words}\n  {aside}\n") }
    }
}

/// CommonMark.
pub(crate) struct Markdown;

impl Markup for Markdown {
    fn text(&self, words: &str) -> String {
        let mut text = String::with_capacity(words.len());
        for character in flat(words).chars() {
            if "\\`*_[]<>#|~!&".contains(character) {
                text.push('\\');
            }
            text.push(character);
        }
        text
    }

    fn link(&self, words: &str, address: &str) -> String {
        format!("[{words}]({})", address.replace('(', "%28").replace(')', "%29").replace(' ', "%20"))
    }

    fn title(&self, words: &str) -> String {
        format!("# {words}\n")
    }

    fn heading(&self, words: &str) -> String {
        format!("\n## {words}\n\n")
    }

    fn line(&self, words: &str, aside: &str) -> String {
        if aside.is_empty() { format!("- {words}\n") } else { format!("- {words}  \n  {aside}\n") }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A message whose names try to be markup.
    pub(crate) fn nasty() -> Message {
        let part = |text: &str, path: &str| Part { text: text.into(), path: path.into() };
        let line = Line {
            parts: vec![
                part("<b>豆包</b> [x](http://evil) *a* & |", "/product/00"),
                part(": ", ""),
                part("7116万", "/claim/11"),
            ],
            aside: "grew <i>fast</i>".into(),
        };
        Message {
            kind: "alerts".into(),
            title: "1 <alert>".into(),
            sections: vec![Section { heading: "top".into(), lines: vec![line], n_more: 2 }],
            notes: vec!["a note".into()],
            path: "/alerts".into(),
            base_url: Some("https://radar.example.com".into()),
            ..Message::default()
        }
    }

    #[test]
    fn names_stay_text_in_every_markup() {
        let message = nasty();
        let markdown = message.markdown();
        assert!(markdown.contains(
            "[\\<b\\>豆包\\</b\\> \\[x\\](http://evil) \\*a\\* \\& \\|](https://radar.example.com/product/00)"
        ));
        assert!(markdown.contains("[7116万](https://radar.example.com/claim/11)"));
        let html = message.mail_page();
        assert!(html.contains("&lt;b&gt;豆包&lt;/b&gt;") && !html.contains("<b>"));
        assert!(html.contains("href=\"https://radar.example.com/claim/11\""));
        assert!(!html.contains("<script") && !html.contains("<style") && !html.contains("src="));
        assert!(message.plain().contains("<b>豆包</b> [x](http://evil) *a* & |: 7116万\n  grew <i>fast</i>"));
    }

    #[test]
    fn without_an_address_there_are_no_links() {
        let message = Message { base_url: None, ..nasty() };
        assert!(!message.markdown().contains("](https"));
        assert!(!message.mail_page().contains("href"));
    }

    #[test]
    fn what_finds_no_place_is_counted() {
        let one = &nasty().sections[0].lines[0];
        let section = Section { heading: "h".into(), lines: vec![one.clone(); 200], n_more: 3 };
        let message = Message { sections: vec![section], ..nasty() };
        let text = message.write(&Markdown, 4000, true);
        assert!(text.len() <= 4000, "{}", text.len());
        let n_lines = text.matches("7116万").count();
        assert!(text.contains(&(203 - n_lines).to_string()), "{text}");
        assert_eq!(cut("豆包豆包", 7), "豆…");
    }
}
