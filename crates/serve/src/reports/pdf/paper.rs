//! What a PDF is made of: a title, whose it is and of which day, and a tree of headings, paragraphs, lists and tables.
//!
//! In: a filled-in report, or a message. Out: a [`Paper`], whose texts are plain words ([`words`]), and whose links lead to the web.

use std::collections::BTreeSet;

use crowsnest_lake::Language;
use serde::{Serialize, Serializer};

use super::reading::read;
use crate::message::{Line, Message, Section, cut};
use crate::numbers;
use crate::request::push_query;
use crate::words::{say, say_source, say_with};

const TITLE_BYTES_MAX: usize = 300;
const RUNNING_TITLE_BYTES_MAX: usize = 90;
const ADDRESS_BYTES_MAX: usize = 2000;

/// A document that can be printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paper {
    title: String,
    /// The same, short enough for the foot of each page.
    running_title: String,
    market: String,
    /// Of which day it is, as a sentence.
    known: String,
    /// Year, month and day; none where they are not known.
    date: Option<(i16, i8, i8)>,
    #[serde(serialize_with = "as_tag")]
    language: Language,
    body: Vec<Node>,
    end: Vec<Node>,
}

fn as_tag<S: Serializer>(language: &Language, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(language.tag())
}

/// An element, and what stands in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Node {
    Text { text: String },
    Code { text: String },
    Break,
    Strong { body: Vec<Node> },
    Emphasis { body: Vec<Node> },
    Strike { body: Vec<Node> },
    Small { body: Vec<Node> },
    Link { to: String, body: Vec<Node> },
    Paragraph { body: Vec<Node> },
    Heading { level: u8, body: Vec<Node> },
    Quote { body: Vec<Node> },
    Listing { text: String },
    Rule,
    List { body: Vec<Node> },
    Numbered { first: u64, body: Vec<Node> },
    Item { body: Vec<Node> },
    Table { columns: Vec<Column>, head: Vec<Node>, rows: Vec<Node> },
    Row { body: Vec<Node> },
    Cell { body: Vec<Node> },
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Column {
    /// Its part of the table's width.
    pub(crate) width: usize,
    /// `left`, `right` or `center`.
    pub(crate) align: &'static str,
}

/// What stands around the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The market's title.
    pub(crate) market: &'a str,
    /// The day of which it is, `2025-02-01`.
    pub(crate) day: &'a str,
    pub(crate) language: Language,
    /// What addresses of pages begin with; where nobody knows, words lead nowhere.
    pub(crate) base_url: Option<&'a str>,
}

impl Paper {
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// Of Markdown. Its first heading, where it begins with one, is the title.
    pub(crate) fn of_markdown(markdown: &str, title: &str, around: Around<'_>) -> Self {
        let mut body = read(markdown, around.base_url);
        let mut title = title.to_owned();
        if let Some(Node::Heading { level: 1, body: words }) = body.first() {
            title = plain(words);
            body.remove(0);
        }
        raise_headings(&mut body);
        Self::of(&title, body, around)
    }

    /// Of a message, with the sources that it rests on.
    pub(crate) fn of_message(message: &Message) -> Self {
        let head = message.head.clone().unwrap_or_default();
        let title = if head.title.is_empty() { &message.title } else { &head.title };
        let base_url = message.base_url.as_deref();
        let around = Around { market: &head.market, day: &head.day, language: message.language, base_url };
        let sources: BTreeSet<&String> = message.happenings.iter().flat_map(|one| &one.sources).collect();
        let sources: Vec<String> = sources.into_iter().cloned().collect();
        let mut body = Vec::new();
        for section in &message.sections {
            add_section(&mut body, section, around);
        }
        for note in &message.notes {
            body.push(aside(vec![text(note)]));
        }
        if let Some(to) = address(&message.path, around.base_url) {
            body.push(aside(vec![Node::Link { to, body: vec![text(say(around.language, "tell.open"))] }]));
        }
        Self::of(title, body, around).with_end(&sources, &[], around)
    }

    fn of(title: &str, body: Vec<Node>, around: Around<'_>) -> Self {
        let day = around.day.parse::<jiff::civil::Date>().ok();
        let title = cut(&words(title), TITLE_BYTES_MAX);
        Self {
            running_title: cut(&title, RUNNING_TITLE_BYTES_MAX),
            title,
            market: cut(&words(around.market), TITLE_BYTES_MAX),
            known: say_with(around.language, "paper.known", &numbers::period(&words(around.day), around.language)),
            date: day.map(|day| (day.year(), day.month(), day.day())),
            language: around.language,
            body,
            end: Vec::new(),
        }
    }

    /// With what it rests on, and what is missing in it, at its end.
    pub(crate) fn with_end(mut self, sources: &[String], problems: &[String], around: Around<'_>) -> Self {
        if !problems.is_empty() {
            let items = problems.iter().map(|problem| Node::Item { body: vec![text(problem)] }).collect();
            let heading = vec![text(say(around.language, "reports.problems"))];
            self.end.push(Node::Paragraph { body: vec![Node::Strong { body: heading }] });
            self.end.push(Node::List { body: items });
        }
        if !sources.is_empty() {
            let mut body = vec![Node::Strong { body: vec![text(say(around.language, "sources.title"))] }];
            body.push(text(if around.language == Language::En { ": " } else { "：" }));
            for (place, source) in sources.iter().enumerate() {
                if place > 0 {
                    body.push(text(" · "));
                }
                let said = vec![text(&say_source(around.language, source))];
                let mut path = "/source".to_owned();
                push_query(&mut path, "name", source);
                match address(&path, around.base_url) {
                    Some(to) => body.push(Node::Link { to, body: said }),
                    None => body.extend(said),
                }
            }
            self.end.push(Node::Paragraph { body });
        }
        if around.base_url.is_some() {
            self.end.push(Node::Paragraph { body: vec![text(say(around.language, "footer.open"))] });
        }
        self
    }
}

fn add_section(body: &mut Vec<Node>, section: &Section, around: Around<'_>) {
    if section.lines.is_empty() {
        return;
    }
    if !section.heading.is_empty() {
        body.push(Node::Heading { level: 1, body: vec![text(&section.heading)] });
    }
    body.push(Node::List { body: section.lines.iter().map(|line| item(line, around)).collect() });
    if section.n_more > 0 {
        let more = say_with(around.language, "tell.more", &section.n_more.to_string());
        body.push(aside(vec![text(&more)]));
    }
}

fn item(line: &Line, around: Around<'_>) -> Node {
    let part = |part: &crate::message::Part| match address(&part.path, around.base_url) {
        Some(to) => Node::Link { to, body: vec![text(&part.text)] },
        None => text(&part.text),
    };
    let mut body: Vec<Node> = line.parts.iter().map(part).collect();
    if !line.aside.is_empty() {
        body.extend([Node::Break, Node::Small { body: vec![text(&line.aside)] }]);
    }
    Node::Item { body }
}

fn aside(body: Vec<Node>) -> Node {
    Node::Paragraph { body: vec![Node::Small { body }] }
}

/// Plain words as an element.
pub(super) fn text(text: &str) -> Node {
    Node::Text { text: words(text) }
}

/// Words without characters that steer: line ends become blanks, and what reorders the text around it is left out.
pub(super) fn words(text: &str) -> String {
    let kept = text.chars().filter(|character| !is_steering(*character));
    kept.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Directional embeddings, overrides and isolates, and marks of bytes' order.
pub(super) fn is_steering(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// An address of the web that a word may lead to: one that is whole, or a page of ours where it is known what addresses begin with.
pub(super) fn address(text: &str, base_url: Option<&str>) -> Option<String> {
    let is_page = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
    let is_web = ["https://", "http://", "mailto:"].iter().any(|start| text.starts_with(start));
    let whole = match base_url.filter(|_| is_page) {
        Some(base) => format!("{base}{text}"),
        None if is_web => text.to_owned(),
        None => return None,
    };
    let is_clean = !whole.chars().any(|character| character.is_control() || character.is_whitespace());
    (is_clean && whole.len() <= ADDRESS_BYTES_MAX).then_some(whole)
}

/// The words of elements, without what they are.
pub(super) fn plain(nodes: &[Node]) -> String {
    let mut words = String::new();
    for node in nodes {
        match node {
            Node::Text { text } | Node::Code { text } | Node::Listing { text } => words.push_str(text),
            Node::Break => words.push(' '),
            Node::Strong { body }
            | Node::Emphasis { body }
            | Node::Strike { body }
            | Node::Small { body }
            | Node::Link { body, .. }
            | Node::Paragraph { body }
            | Node::Heading { body, .. }
            | Node::Quote { body }
            | Node::List { body }
            | Node::Numbered { body, .. }
            | Node::Item { body }
            | Node::Row { body }
            | Node::Cell { body } => words.push_str(&plain(body)),
            Node::Rule | Node::Table { .. } => {}
        }
    }
    words
}

/// The highest heading below the title becomes the first level, so that none is left out.
fn raise_headings(body: &mut [Node]) {
    let levels = body.iter().filter_map(|node| match node {
        Node::Heading { level, .. } => Some(*level),
        _ => None,
    });
    let Some(highest) = levels.min() else { return };
    for node in body {
        if let Node::Heading { level, .. } = node {
            *level = level.saturating_sub(highest) + 1;
        }
    }
}
