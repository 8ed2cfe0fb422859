//! What the connectors that read web pages share: selectors, the text that a reader sees, addresses, what to ask for.

use std::collections::BTreeMap;

use scraper::{ElementRef, Html, Node, Selector};
use url::Url;

use super::answers::{self, Auth, Template};
use crate::connector::{Page, Request, Window};

/// A selector of an option.
pub(crate) fn selector(option: &str, css: &str) -> Result<Selector, String> {
    Selector::parse(css).map_err(|_| format!("{option}: {css:?} is not a CSS selector"))
}

/// A selector that is known to be right, or none.
pub(crate) fn known_selector(css: &str) -> Option<Selector> {
    Selector::parse(css).ok()
}

/// The requests for pages of one form.
pub(crate) fn requests(
    url: &str,
    items: &[String],
    headers: &BTreeMap<String, String>,
    auth: Option<&Auth>,
    window: &Window,
) -> Result<Vec<Request>, String> {
    let query = BTreeMap::new();
    let template = Template {
        url,
        items,
        query: &query,
        headers,
        body: None,
        auth,
        paging: None,
        is_daily: false,
        n_days: 30,
        n_days_revisited: 0,
    };
    answers::requests(&template, window)
}

/// The page's address, or the one that its `<base>` gives: what its links start from.
pub(crate) fn base_of(document: &Html, page: &Page<'_>) -> Option<Url> {
    let here = Url::parse(page.url).ok();
    let base = known_selector("base[href]").and_then(|css| {
        let href = document.select(&css).next()?.attr("href")?;
        here.as_ref().map_or_else(|| Url::parse(href).ok(), |here| here.join(href).ok())
    });
    base.or(here)
}

/// An attribute; addresses are made whole.
pub(crate) fn attribute(element: ElementRef<'_>, name: &str, base: Option<&Url>) -> Option<String> {
    let value = element.attr(name)?.trim();
    let whole = match (name, base) {
        ("href" | "src" | "action", Some(base)) => base.join(value).ok().map(String::from),
        _ => None,
    };
    Some(whole.unwrap_or_else(|| value.to_owned()))
}

/// The text of an element as a reader sees it, in one line.
pub(crate) fn text(element: ElementRef<'_>) -> String {
    lines(element, |_| false).join(" ")
}

/// The text of an element as a reader sees it: a line for each block, blanks drawn together, empty lines left out.
/// Scripts, styles, marks of footnotes and elements that `is_left_out` names are not read.
pub(crate) fn lines(element: ElementRef<'_>, is_left_out: impl Fn(ElementRef<'_>) -> bool) -> Vec<String> {
    let mut text = String::new();
    // A stack of its own, as pages can be nested deeper than a thread's stack; `None` ends a block.
    let mut stack = vec![Some(*element)];
    while let Some(step) = stack.pop() {
        let Some(node) = step else {
            text.push('\n');
            continue;
        };
        match node.value() {
            Node::Text(piece) => text.extend(piece.chars().map(|letter| if letter == '\n' { ' ' } else { letter })),
            Node::Element(_) => {
                let Some(element) = ElementRef::wrap(node) else { continue };
                if is_never_seen(element) || is_left_out(element) {
                    continue;
                }
                if is_block(element.value().name()) {
                    text.push('\n');
                    stack.push(None);
                } else if matches!(element.value().name(), "td" | "th") {
                    text.push(' ');
                }
                stack.extend(node.children().rev().map(Some));
            }
            _ => {}
        }
    }
    text.lines().map(one_line).filter(|line| !line.is_empty()).collect()
}

/// A text with its blanks drawn together, and without letters that have no width.
pub(crate) fn one_line(text: &str) -> String {
    let is_seen = |letter: &char| !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
    let seen: String = text.chars().filter(is_seen).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_never_seen(element: ElementRef<'_>) -> bool {
    match element.value().name() {
        "script" | "style" | "noscript" | "template" | "head" | "svg" | "iframe" | "object" => true,
        "sup" => element.text().next().is_some_and(|text| text.trim_start().starts_with('[')),
        _ => false,
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "br"
            | "button"
            | "caption"
            | "dd"
            | "details"
            | "dialog"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "legend"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "option"
            | "p"
            | "pre"
            | "section"
            | "select"
            | "summary"
            | "table"
            | "tbody"
            | "tfoot"
            | "thead"
            | "tr"
            | "ul"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_a_reader_sees() {
        let page = Html::parse_document(
            "<p>Pro<b> $20</b>\n a&nbsp;month<script>x()</script></p><ul><li>豆<i>包</i><li>Kimi<sup>[3]</sup></ul>m<sup>2</sup>",
        );
        let found = lines(page.root_element(), |_| false);
        assert_eq!(found, ["Pro $20 a month", "豆包", "Kimi", "m2"]);
    }

    #[test]
    fn a_page_of_a_hundred_thousand_levels_is_read() {
        let page = Html::parse_document(&format!("{}x", "<b>".repeat(100_000)));
        assert_eq!(text(page.root_element()), "x");
    }
}
