//! Papers that were typeset, and the words, links and pages that came out of it.

use crowsnest_lake::Language;
use typst::layout::{Frame, FrameItem};
use typst::model::Destination;

use super::paper::{Around, Paper};
use super::{printed, typeset, world};
use crate::message::{Head, Line, Message, Part, Section};

const BASE: &str = "https://radar.example.com";

fn around(language: Language) -> Around<'static> {
    Around { market: "AI products", day: "2025-02-01", language, base_url: Some(BASE) }
}

fn of(markdown: &str) -> Paper {
    Paper::of_markdown(markdown, "Untitled", around(Language::En))
}

/// All words of the pages, as they were set: with ligatures and breaks of lines, and without the blanks that a break takes.
fn words(frames: &[Frame]) -> String {
    fn add(frame: &Frame, words: &mut String) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => add(&group.frame, words),
                FrameItem::Text(run) => words.push_str(&run.text),
                _ => {}
            }
        }
    }
    let mut words = String::new();
    frames.iter().for_each(|frame| add(frame, &mut words));
    words.replace('\u{200b}', "")
}

fn addresses(frames: &[Frame]) -> Vec<String> {
    fn add(frame: &Frame, addresses: &mut Vec<String>) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => add(&group.frame, addresses),
                FrameItem::Link(Destination::Url(url), _) => addresses.push(url.as_str().to_owned()),
                _ => {}
            }
        }
    }
    let mut addresses = Vec::new();
    frames.iter().for_each(|frame| add(frame, &mut addresses));
    addresses
}

fn set(markdown: &str) -> (String, Vec<String>) {
    let (bytes, frames) = typeset(&of(markdown)).unwrap();
    assert!(bytes.starts_with(b"%PDF-1.7"), "{:?}", &bytes[..8]);
    (words(&frames), addresses(&frames))
}

#[test]
fn what_reports_use_comes_out() {
    let (words, addresses) = set(
        "# Monthly: *so* 豆包\n\nText with [7116万](/claim/ab?as_of=2025-02-01), **so** and ~~not~~ `code`.\n\n\
         ## Part\n\n| Product | Users |\n|---|---|\n| Kimi | 12.8M |\n| 豆包 | n/a |\n\n- one\n- two\n  - three\n\n3. third\n\n> said\n\n---\n\n\
         ```\nlet a = 1;\n  b\n```\n",
    );
    for expected in
        ["Monthly: so 豆包", "Part", "Product", "Kimi", "12.8M", "three", "3.", "third", "said", "let a = 1;"]
    {
        assert!(words.contains(expected), "{expected} in {words}");
    }
    assert!(words.contains("What was known on 1 Feb 2025") && words.contains("1 / 1"), "{words}");
    assert_eq!(addresses, ["https://radar.example.com/claim/ab?as_of=2025-02-01"]);
}

/// Each of these would be code, math, emphasis, a label, a reference, a comment or an include in a source of typst.
const HOSTILE: &[&str] = &[
    "#import \"@preview/x:0.1.0\": *",
    "#read(\"/etc/passwd\")",
    "#{panic(1)}",
    "$x^2$",
    "*bold* _it_",
    "<label> @ref",
    "`raw` ```",
    "// not a comment /* nor this */",
    "= no heading",
    "\\u{41} \\#",
    "\"] #eval(\"1\") [",
    "~ -- --- ... 'quotes' \"these\"",
    "https://evil.example/#x",
];

#[test]
fn names_stay_text() {
    for hostile in HOSTILE {
        let section = Section {
            heading: (*hostile).to_owned(),
            lines: vec![Line {
                parts: vec![Part { text: (*hostile).to_owned(), path: String::new() }],
                aside: (*hostile).to_owned(),
            }],
            n_more: 0,
        };
        let head = Head { market: (*hostile).to_owned(), title: (*hostile).to_owned(), day: "2025-02-01".to_owned() };
        let message = Message {
            sections: vec![section],
            notes: vec![(*hostile).to_owned()],
            head: Some(head),
            ..Message::default()
        };
        let around = Around { market: hostile, ..around(Language::En) };
        let paper = Paper::of_message(&message).with_end(&[(*hostile).to_owned()], &[(*hostile).to_owned()], around);
        let (_, frames) = typeset(&paper).unwrap();
        let set = words(&frames).replace(' ', "");
        let n = set.matches(&hostile.replace(' ', "")).count();
        // Market above the title, title, foot of the page, heading, line, aside, note, problem, source.
        assert_eq!(n, 9, "{hostile} in {set}");
        assert_eq!(addresses(&frames).len(), 1, "only the source's page is linked: {:?}", addresses(&frames));
    }
}

#[test]
fn texts_in_markdown_stay_text() {
    let (words, addresses) = set(
        "#read(\"/etc/passwd\") <script>alert(1)</script> $a_b$ @who a\u{202e}b\u{2066}c #x\n\n<b>block</b>\n\n\
         [a](javascript:alert(1)) [b](//evil.example) [c](file:///etc/passwd) ![d](https://evil.example/x.png) [e](https://fine.example)",
    );
    assert!(words.contains("#read(\"/etc/passwd\") <script>alert(1)</script> $a_b$ @who abc #x"), "{words}");
    assert!(words.contains("<b>block</b>"), "{words}");
    assert_eq!(addresses, ["https://fine.example"]);
}

#[test]
fn lines_of_chinese_are_joined_without_a_blank() {
    let (words, _) = set("豆包的月活\n跃居第一\nin Latin\nletters");
    assert!(words.contains("豆包的月活跃居第一 in Latin letters"), "{words}");
}

#[test]
fn the_same_paper_gives_the_same_bytes() {
    let paper = of("# A\n\n豆包 and [90M](/claim/x)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
    let first = printed(&paper).unwrap();
    assert_eq!(printed(&paper).unwrap(), first);
    assert_eq!(first.n_pages, 1);
    let told = String::from_utf8_lossy(&first.bytes).into_owned();
    assert!(told.contains("D:20250201"), "the day of the report is the day of the file");
    let other = Paper::of_markdown("# A", "A", Around { day: "2025-02-02", ..around(Language::En) });
    assert_ne!(printed(&other).unwrap().bytes, first.bytes);
}

#[test]
fn a_long_table_goes_on_over_pages_under_its_head() {
    let rows: String = (1..=150).map(|row| format!("| Product {row} | {row}M |\n")).collect();
    let paper = of(&format!("| Name | Monthly users |\n|---|---|\n{rows}"));
    let (_, frames) = typeset(&paper).unwrap();
    assert!(frames.len() >= 3, "{}", frames.len());
    assert!(frames.iter().all(|frame| words(std::slice::from_ref(frame)).contains("Monthly users")));
    assert!(words(&frames).contains("Product 150") && words(&frames).contains(&format!("3 / {}", frames.len())));
}

#[test]
fn what_is_nested_too_deep_is_unwrapped() {
    let quotes = format!("{} deep\n", ">".repeat(400));
    let lists: String = (0..200).map(|depth| format!("{}- item {depth}\n", "  ".repeat(depth))).collect();
    assert!(set(&quotes).0.contains("deep"));
    let (words, _) = set(&lists);
    assert!(words.contains("item 3") && words.contains("item 199"), "{words}");
}

#[test]
fn what_is_too_long_is_refused() {
    let error = typeset(&of(&"word ".repeat(1_000_000))).unwrap_err();
    assert!(error.hint().is_some() && error.to_string().contains("too long"), "{error}");
}

#[test]
fn characters_that_no_font_has_are_told() {
    // Of a plane that is for private use: fonts of text have nothing there.
    let made = printed(&of("a \u{10fffd} b \u{10fffd}")).unwrap();
    assert_eq!(made.missing, "\u{10fffd}");
    assert!(made.note().unwrap().contains("fonts-noto-cjk"));
    let plain = printed(&of("Plain – “words”, ≈ 12.8M, +50%, −4%, €3")).unwrap();
    assert_eq!(plain.note(), None);
}

#[test]
fn nothing_but_the_template_and_its_data_can_be_read() {
    use typst::World as _;
    use typst::syntax::{RootedPath, VirtualPath, VirtualRoot};
    let world = world::PaperWorld::new(b"{}".to_vec()).unwrap();
    for path in ["/etc/passwd", "/crowsnest.toml", "/paper.toml"] {
        let id = RootedPath::new(VirtualRoot::Project, VirtualPath::new(path).unwrap()).intern();
        assert!(world.file(id).is_err() && world.source(id).is_err(), "{path}");
    }
    assert!(world.today(None).is_none());
    let template = include_str!("paper.typ");
    for word in ["eval(", "import ", "include ", "read(", "plugin(", "sys."] {
        assert!(!template.contains(word), "{word}");
    }
}

#[test]
fn every_language_is_set() {
    for language in [Language::En, Language::ZhHans, Language::ZhHant] {
        let paper = Paper::of_markdown("# 題 题\n\n“豆包”，7116万。", "", around(language)).with_end(
            &["QuestMobile".to_owned()],
            &[],
            around(language),
        );
        let (_, frames) = typeset(&paper).unwrap();
        assert!(words(&frames).contains("7116万") && words(&frames).contains("QuestMobile"));
    }
}
