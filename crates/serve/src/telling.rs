//! What happened, in a line that people read: names, numbers and sources lead to their pages.
//!
//! In: a [`Happening`] and a language. Out: a [`Line`]. The sentences are in `words.tsv` as `tell.…`, with `{name}`, `{value}`
//! and so on where the parts go, so that each language has its own order.
//!
//! To add a kind of happening: its sentence in `words.tsv`, and its key in [`key_of`].

use crowsnest_lake::{Lake, Language};
use crowsnest_run::happening::{Happening, What};

use crate::message::{Line, Part};
use crate::numbers;
use crate::request::push_query;
use crate::words::{say, say_source, say_word};

/// Tells in one language.
pub(crate) struct Teller<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) language: Language,
}

impl Teller<'_> {
    /// The line.
    pub(crate) fn line(&self, one: &Happening) -> Line {
        let mut line = Line::default();
        let mut rest = say(self.language, key_of(one));
        while let Some((before, after)) = rest.split_once('{') {
            push(&mut line, before, String::new());
            let Some((gap, after)) = after.split_once('}') else { break };
            let (text, path) = self.part(gap, one);
            push(&mut line, &text, path);
            rest = after;
        }
        push(&mut line, rest, String::new());
        line.aside = one.notes.join("; ");
        line
    }

    fn part(&self, gap: &str, one: &Happening) -> (String, String) {
        let none = String::new();
        match gap {
            "name" => (self.name(one), page_of(one)),
            "value" => (self.number(one, one.value), value_page(one)),
            "before" => (
                self.number(one, one.before),
                one.claim_before.as_ref().map(|it| format!("/claim/{it}")).unwrap_or_default(),
            ),
            "change" => (one.change.map(numbers::change).unwrap_or_default(), value_page(one)),
            "metric" => (self.metric(one), none),
            "period" => (numbers::period(one.period.as_deref().unwrap_or_default(), self.language), none),
            "top" => (one.top.map(|top| top.to_string()).unwrap_or_default(), league_page(one)),
            "event" => (say_word(self.language, "event", one.event.as_deref().unwrap_or_default()), value_page(one)),
            "source" => {
                let source = one.sources.first().map(String::as_str).unwrap_or_default();
                (say_source(self.language, source), source_page(source))
            }
            _ => (format!("{{{gap}}}"), none),
        }
    }

    fn name(&self, one: &Happening) -> String {
        let identity = self.lake.identity();
        let known = one.entity.as_deref().and_then(|entity| identity.find(entity, None).ok());
        match known {
            Some(entity) => entity.name(self.language).to_owned(),
            None if one.what == What::Silence => say_source(self.language, &one.name),
            None => one.name.clone(),
        }
    }

    fn metric(&self, one: &Happening) -> String {
        let id = one.metric.as_deref().unwrap_or_default();
        match self.lake.market().metrics.get(id) {
            Some(metric) => crate::pages::label(metric, self.language).to_owned(),
            None => id.replace('_', " "),
        }
    }

    fn number(&self, one: &Happening, value: Option<f64>) -> String {
        let Some(value) = value else { return "–".to_owned() };
        match one.what {
            What::Breakout | What::Share => numbers::percent(value),
            What::Rank | What::Silence => numbers::exact(value.round()),
            _ => numbers::with_unit(value, one.unit.as_deref().unwrap_or_default(), self.language),
        }
    }
}

fn push(line: &mut Line, text: &str, path: String) {
    if !text.is_empty() {
        line.parts.push(Part { text: text.to_owned(), path });
    }
}

/// The sentence's key.
fn key_of(one: &Happening) -> &'static str {
    match one.what {
        What::Breakout => "tell.breakout",
        What::Move => "tell.move",
        What::Share => "tell.share",
        What::Silence => "tell.silence",
        What::Found => "tell.found",
        What::Rank => match (one.before, one.value.unwrap_or_default() <= f64::from(one.top.unwrap_or_default())) {
            (None, _) => "tell.rank_new",
            (_, true) => "tell.rank_in",
            (_, false) => "tell.rank_out",
        },
        What::Turn => match one.status.as_deref() {
            Some("denied") => "tell.denied",
            Some("withdrawn") => "tell.withdrawn",
            Some("official") => "tell.official",
            _ => "tell.confirmed",
        },
    }
}

/// The page of whom it is about.
pub(crate) fn page_of(one: &Happening) -> String {
    match (&one.entity, one.what) {
        (Some(entity), _) if one.kind.as_deref() == Some("company") => format!("/company/{entity}"),
        (Some(entity), _) => format!("/product/{entity}"),
        (None, What::Silence) => source_page(&one.name),
        (None, _) => String::new(),
    }
}

/// The page where the number can be opened.
fn value_page(one: &Happening) -> String {
    if let Some(claim) = &one.claim {
        return format!("/claim/{claim}");
    }
    let mut address = match one.what {
        What::Breakout => "/breakouts".to_owned(),
        What::Turn => "/events".to_owned(),
        _ => return page_of(one),
    };
    match (one.what, &one.entity, &one.metric) {
        (What::Turn, Some(entity), _) => push_query(&mut address, "name", entity),
        (What::Breakout, _, Some(metric)) => push_query(&mut address, "metric", metric),
        _ => {}
    }
    address
}

fn league_page(one: &Happening) -> String {
    let (Some(metric), Some(period)) = (&one.metric, &one.period) else { return String::new() };
    let mut address = "/league".to_owned();
    push_query(&mut address, "metric", metric);
    push_query(&mut address, "period", period);
    address
}

fn source_page(source: &str) -> String {
    if source.is_empty() {
        return String::new();
    }
    let mut address = "/source".to_owned();
    push_query(&mut address, "name", source);
    address
}
