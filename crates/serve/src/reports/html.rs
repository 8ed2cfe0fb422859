//! Markdown to HTML, for reports: CommonMark with tables. HTML in the Markdown stays text, links lead to pages of this site or
//! the web, and nothing is loaded: images are their words.

use std::fmt::Write as _;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::message::escaped;

/// The HTML of a Markdown text.
pub(crate) fn to_html(markdown: &str) -> String {
    let mut html = String::with_capacity(markdown.len() * 2);
    let mut is_head = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(tag) => {
                is_head |= matches!(tag, Tag::TableHead);
                open(&mut html, &tag, is_head);
            }
            Event::End(end) => {
                close(&mut html, end, is_head);
                is_head &= end != TagEnd::TableHead;
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => html.push_str(&kept(&text)),
            Event::Code(text) => {
                let _ = write!(html, "<code>{}</code>", kept(&text));
            }
            Event::SoftBreak => html.push('\n'),
            Event::HardBreak => html.push_str("<br>\n"),
            Event::Rule => html.push_str("<hr>\n"),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                html.push_str(&kept(&text));
            }
            Event::TaskListMarker(_) => {}
        }
    }
    html
}

/// Text with its line ends, which code needs.
fn kept(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

fn open(html: &mut String, tag: &Tag<'_>, is_head: bool) {
    let text = match tag {
        Tag::Paragraph => "<p>",
        Tag::Heading { level, .. } => {
            let _ = write!(html, "<{level}>");
            return;
        }
        Tag::BlockQuote(_) => "<blockquote>\n",
        Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => "<pre><code>",
        Tag::List(None) => "<ul>\n",
        Tag::List(Some(first)) => {
            let _ = writeln!(html, "<ol start=\"{first}\">");
            return;
        }
        Tag::Item => "<li>",
        Tag::Table(_) => "<table>\n",
        Tag::TableHead => "<thead><tr>",
        Tag::TableRow => "<tr>",
        Tag::TableCell if is_head => "<th>",
        Tag::TableCell => "<td>",
        Tag::Emphasis => "<em>",
        Tag::Strong => "<strong>",
        Tag::Strikethrough => "<del>",
        Tag::Link { dest_url, .. } => {
            let _ = write!(html, "<a href=\"{}\">", escaped(&address(dest_url)));
            return;
        }
        _ => "",
    };
    html.push_str(text);
}

fn close(html: &mut String, end: TagEnd, is_head: bool) {
    let text = match end {
        TagEnd::Paragraph => "</p>\n",
        TagEnd::Heading(level) => {
            let _ = writeln!(html, "</{level}>");
            return;
        }
        TagEnd::BlockQuote(_) => "</blockquote>\n",
        TagEnd::CodeBlock => "</code></pre>\n",
        TagEnd::List(false) => "</ul>\n",
        TagEnd::List(true) => "</ol>\n",
        TagEnd::Item => "</li>\n",
        TagEnd::Table => "</tbody></table>\n",
        TagEnd::TableHead => "</tr></thead><tbody>\n",
        TagEnd::TableRow => "</tr>\n",
        TagEnd::TableCell if is_head => "</th>",
        TagEnd::TableCell => "</td>",
        TagEnd::Emphasis => "</em>",
        TagEnd::Strong => "</strong>",
        TagEnd::Strikethrough => "</del>",
        TagEnd::Link => "</a>",
        _ => "",
    };
    html.push_str(text);
}

/// An address that a link may lead to; else nowhere.
fn address(text: &str) -> String {
    let is_page = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    let is_web = ["https://", "http://", "mailto:", "#"].iter().any(|start| text.starts_with(start));
    if is_page || is_web { text.to_owned() } else { "#".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reports_use_becomes_html() {
        let html = to_html(
            "# A & B\n\nText with [7116万](/claim/ab?as_of=2025-01-01), *so* and **so**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n- y\n",
        );
        assert!(html.contains("<h1>A &amp; B</h1>"));
        assert!(
            html.contains("<a href=\"/claim/ab?as_of=2025-01-01\">7116万</a>, <em>so</em> and <strong>so</strong>")
        );
        assert!(html.contains("<thead><tr><th>a</th><th>b</th></tr></thead><tbody>\n<tr><td>1</td><td>2</td></tr>"));
        assert!(html.contains("<ul>\n<li>x</li>"));
    }

    #[test]
    fn nothing_in_a_report_runs_or_loads() {
        let html = to_html(
            "<script>alert(1)</script>\n\n<img src=x onerror=y> [a](javascript:alert(1)) [b](//evil.example) ![c](https://evil.example/x.png) `<b>`",
        );
        for bad in ["<script", "<img", "javascript:", "//evil.example\"", "<b>"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        assert!(html.contains("&lt;script&gt;"));
    }
}
