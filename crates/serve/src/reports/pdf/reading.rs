//! Markdown to the elements of a paper: CommonMark with tables. HTML stays text, images are their words, and what is nested deeper
//! than anybody reads is unwrapped.

use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd};

use super::paper::{Column, Node, address, is_steering, plain, text, words};

/// Elements in one another. The compiler's own limits are some three times that.
const DEPTH_MAX: usize = 16;
/// Cells that are wider are broken into lines, in characters of Latin width.
const CELL_WIDTH_MAX: usize = 36;
const CELL_WIDTH_MIN: usize = 4;

/// The elements of a Markdown text; pages of ours are at `base_url`.
pub(super) fn read(markdown: &str, base_url: Option<&str>) -> Vec<Node> {
    let mut reader = Reader { open: vec![Open::default()], base_url, last: None, is_line_ended: false };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        reader.take(event);
    }
    while reader.open.len() > 1 {
        reader.close();
    }
    reader.open.pop().map(|root| root.body).unwrap_or_default()
}

/// An element that is not closed yet; without a tag, what stands in it goes to the one around it.
#[derive(Default)]
struct Open<'a> {
    tag: Option<Tag<'a>>,
    body: Vec<Node>,
}

struct Reader<'a> {
    open: Vec<Open<'a>>,
    base_url: Option<&'a str>,
    /// The last character of the line.
    last: Option<char>,
    /// Whether a line of the source ended since.
    is_line_ended: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => {
                self.close();
                if matches!(end, TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableCell) {
                    (self.last, self.is_line_ended) = (None, false);
                }
            }
            Event::Text(said) if self.is_listing() => self.push(Node::Listing { text: said.into_string() }),
            Event::Text(said) | Event::Html(said) | Event::InlineHtml(said) => self.say(&said),
            Event::InlineMath(said) | Event::DisplayMath(said) | Event::FootnoteReference(said) => self.say(&said),
            Event::Code(said) => {
                self.join(&said);
                self.push(Node::Code { text: words(&said) });
            }
            Event::SoftBreak => self.is_line_ended = true,
            Event::HardBreak => {
                (self.last, self.is_line_ended) = (None, false);
                self.push(Node::Break);
            }
            Event::Rule => self.push(Node::Rule),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'a>) {
        // What has parts of its own needs room for them.
        let n_levels = match tag {
            Tag::Table(_) => 3,
            Tag::List(_) => 2,
            _ => 1,
        };
        let has_room = self.open.len() + n_levels <= DEPTH_MAX;
        self.open.push(Open { tag: Some(tag).filter(|_| has_room), body: Vec::new() });
    }

    fn is_listing(&self) -> bool {
        matches!(self.open.last(), Some(Open { tag: Some(Tag::CodeBlock(_)), .. }))
    }

    fn push(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else { return };
        match (open.body.last_mut(), &node) {
            (Some(Node::Text { text }), Node::Text { text: more }) => text.push_str(more),
            _ => open.body.push(node),
        }
    }

    fn say(&mut self, said: &str) {
        self.join(said);
        self.push(text(said));
    }

    /// A blank where a line of the source ended; none between Chinese characters, which are written without.
    fn join(&mut self, said: &str) {
        let (one, next) = (self.last, said.chars().next());
        let is_between = one.is_some_and(is_chinese) && next.is_some_and(is_chinese);
        if std::mem::take(&mut self.is_line_ended) && self.last.is_some() && !is_between {
            self.push(text(" "));
        }
        self.last = said.chars().last().or(self.last);
    }

    fn close(&mut self) {
        let Some(Open { tag, body }) = self.open.pop() else { return };
        let node = match tag {
            Some(Tag::Paragraph | Tag::HtmlBlock) => Node::Paragraph { body },
            Some(Tag::Heading { level, .. }) => Node::Heading { level: level as u8, body },
            Some(Tag::BlockQuote(_)) => Node::Quote { body },
            Some(Tag::CodeBlock(_)) => Node::Listing { text: listing(&plain(&body)) },
            Some(Tag::List(None)) => Node::List { body },
            Some(Tag::List(Some(first))) => Node::Numbered { first, body },
            Some(Tag::Item) => Node::Item { body },
            Some(Tag::Table(aligned)) => table(&aligned, body),
            Some(Tag::TableHead | Tag::TableRow) => Node::Row { body },
            Some(Tag::TableCell) => Node::Cell { body },
            Some(Tag::Emphasis) => Node::Emphasis { body },
            Some(Tag::Strong) => Node::Strong { body },
            Some(Tag::Strikethrough) => Node::Strike { body },
            Some(Tag::Link { dest_url, .. }) => match address(&dest_url, self.base_url) {
                Some(to) => Node::Link { to, body },
                None => return self.take_in(body),
            },
            _ => return self.take_in(body),
        };
        self.push(node);
    }

    fn take_in(&mut self, body: Vec<Node>) {
        body.into_iter().for_each(|node| self.push(node));
    }
}

fn is_chinese(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// Lines of code as they are, but for what steers.
fn listing(text: &str) -> String {
    let text = text.trim_end_matches('\n').replace('\t', "    ");
    let is_kept = |character: &char| *character == '\n' || !(character.is_control() || is_steering(*character));
    text.chars().filter(is_kept).collect()
}

/// A table whose columns are as wide as what stands in them, with numbers to the right where nobody said.
fn table(aligned: &[Alignment], body: Vec<Node>) -> Node {
    let mut rows = body.into_iter();
    let head = match rows.next() {
        Some(Node::Row { body }) => body,
        _ => Vec::new(),
    };
    let rows: Vec<Node> = rows.map(|row| with_cells(row, head.len())).collect();
    let column = |place: usize| {
        let cells = rows.iter().filter_map(|row| match row {
            Node::Row { body } => body.get(place),
            _ => None,
        });
        let cells: Vec<String> = cells.map(|cell| plain(std::slice::from_ref(cell))).collect();
        let heading = head.get(place).map(|cell| plain(std::slice::from_ref(cell))).unwrap_or_default();
        let widest = cells.iter().chain([&heading]).map(|cell| width(cell)).max().unwrap_or_default();
        Column { width: widest.clamp(CELL_WIDTH_MIN, CELL_WIDTH_MAX) + 2, align: align(aligned.get(place), &cells) }
    };
    Node::Table { columns: (0..head.len()).map(column).collect(), head, rows }
}

/// A row with as many cells as the table has columns.
fn with_cells(row: Node, n_cells: usize) -> Node {
    match row {
        Node::Row { mut body } => {
            body.resize_with(n_cells, || Node::Cell { body: Vec::new() });
            Node::Row { body }
        }
        other => other,
    }
}

fn align(said: Option<&Alignment>, cells: &[String]) -> &'static str {
    match said {
        Some(Alignment::Left) => "left",
        Some(Alignment::Right) => "right",
        Some(Alignment::Center) => "center",
        Some(Alignment::None) | None => {
            let mut told = cells.iter().filter(|cell| !cell.trim().is_empty() && cell.as_str() != "n/a").peekable();
            let has_numbers = told.peek().is_some();
            if has_numbers && told.all(|cell| is_number(cell)) { "right" } else { "left" }
        }
    }
}

/// Whether a cell reads as a number: a sign, a currency or a bound, then a digit.
fn is_number(cell: &str) -> bool {
    let mut rest =
        cell.trim().trim_start_matches(['+', '-', '−', '≈', '≥', '≤', '>', '<', '#', '第', ' ', '$', '¥', '€', '£']);
    rest = rest.trim_start_matches("US$").trim_start_matches("HK$");
    rest.starts_with(|character: char| character.is_ascii_digit()) && width(cell) <= CELL_WIDTH_MAX
}

/// How wide text is, in Latin characters.
fn width(text: &str) -> usize {
    text.chars().map(|character| if is_chinese(character) { 2 } else { 1 }).sum()
}
