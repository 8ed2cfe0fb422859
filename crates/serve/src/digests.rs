//! Digests as messages: for the page, the feed, mail, chats, and the command.
//!
//! In: a [`Digest`]. Out: a [`Message`] in a language, with sections in one order. What may not be passed on is left out for
//! all but the owner, and counted.

use crowsnest_lake::{Lake, Language};
use crowsnest_run::digest::{Digest, EVERYTHING};
use crowsnest_run::happening::{Happening, What};

use crate::deliver::outbox::passed_on;
use crate::message::{Head, Message, Section};
use crate::numbers;
use crate::reports::pdf::Paper;
use crate::request::push_query;
use crate::telling::Teller;
use crate::words::say;

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The owner of the market, on this machine.
    Owner,
    /// Anybody else: licences hold.
    Others,
}

fn day_of(micros: i64) -> String {
    numbers::minute(micros).get(..10).unwrap_or_default().to_owned()
}

/// The digest as a message.
pub(crate) fn digest_message(
    lake: &Lake,
    digest: &Digest,
    language: Language,
    audience: Audience,
    base_url: Option<String>,
) -> Message {
    let all: Vec<&Happening> = digest.happenings.iter().collect();
    let (kept, n_left_out) = match audience {
        Audience::Owner => (all, 0),
        Audience::Others => passed_on(lake.market(), all, |one| *one),
    };
    let teller = Teller { lake, language };
    let mut sections = Vec::new();
    for what in What::ALL {
        let lines: Vec<_> = kept.iter().filter(|one| one.what == what).map(|one| teller.line(one)).collect();
        if !lines.is_empty() {
            let heading = say(language, &format!("digest.{}", what.as_str())).to_owned();
            let n_more = digest.n_more.get(what.as_str()).copied().unwrap_or_default();
            sections.push(Section { heading, lines, n_more });
        }
    }
    let (from, to) = (day_of(digest.since), day_of(digest.until));
    let span = |key: &str| say(language, key).replacen("{}", &from, 1).replacen("{}", &to, 1);
    let mut notes = Vec::new();
    if sections.is_empty() {
        notes.push(span("digest.none"));
    } else {
        notes.push(span("digest.span"));
    }
    if n_left_out > 0 {
        notes.push(say(language, "tell.left_out").replacen("{}", &n_left_out.to_string(), 1));
    }
    if !digest.unknown.is_empty() {
        notes.push(say(language, "tell.unknown").replacen("{}", &digest.unknown.join(", "), 1));
    }
    let market = lake.market().title().to_owned();
    let head = Head { title: title(digest, language), day: to.clone(), market };
    Message {
        kind: "digest".into(),
        language,
        title: format!("{} · {} · {to}", head.market, head.title),
        sections,
        notes,
        path: path(digest, &from, &to),
        base_url,
        happenings: kept.into_iter().cloned().collect(),
        head: Some(head),
    }
}

/// What it is a digest of.
fn title(digest: &Digest, language: Language) -> String {
    let of = match (&digest.watch, digest.title.is_empty()) {
        (Some(name), true) => name.as_str(),
        (Some(_), false) => digest.title.as_str(),
        (None, _) if digest.name != EVERYTHING => digest.name.as_str(),
        (None, _) => "",
    };
    match of {
        "" => say(language, "digest.title").to_owned(),
        of => say(language, "digest.of").replacen("{}", of, 1),
    }
}

/// The page that tells the same, whenever it is opened.
fn path(digest: &Digest, from: &str, to: &str) -> String {
    let mut address = "/digest".to_owned();
    push_query(&mut address, "since", from);
    push_query(&mut address, "as_of", to);
    if let Some(watch) = &digest.watch {
        push_query(&mut address, "watch", watch);
    }
    address
}

/// The digest in Markdown; links lead to `base_url` where there is one.
pub fn digest_markdown(lake: &Lake, digest: &Digest, language: Language, base_url: Option<String>) -> String {
    digest_message(lake, digest, language, Audience::Owner, base_url).markdown()
}

/// The digest in plain text, for a terminal.
pub fn digest_text(lake: &Lake, digest: &Digest, language: Language) -> String {
    digest_message(lake, digest, language, Audience::Owner, None).plain()
}

/// The digest as a page that mail programs show: nothing in it runs or loads.
pub fn digest_mail(lake: &Lake, digest: &Digest, language: Language, base_url: Option<String>) -> String {
    digest_message(lake, digest, language, Audience::Owner, base_url).mail_page()
}

/// The digest as a document to print, whose links begin with `base_url`.
pub fn digest_paper(lake: &Lake, digest: &Digest, language: Language, base_url: Option<String>) -> Paper {
    Paper::of_message(&digest_message(lake, digest, language, Audience::Owner, base_url))
}

/// What happened, in one line of text, for lists in a terminal.
pub fn in_a_line(lake: &Lake, happening: &Happening, language: Language) -> String {
    Teller { lake, language }.line(happening).words()
}
