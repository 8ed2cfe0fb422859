//! What happened, one by one, as alerts and digests tell it: a breakout, a move, a crossing, a turn, a silence, a newcomer.
//!
//! In: rows of the lake's questions. Out: [`Happening`]s: plain values with what is needed to open each number (its claim,
//! its entity) and to keep to licences (its sources). Nothing here is written for people; pages and messages do that.

use serde::{Deserialize, Serialize};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A product is likely to multiply: `value` is the probability.
    Breakout,
    /// A product crossed a place of a ranking: `value` and `before` are places.
    Rank,
    /// A product lost share: `value` and `before` are shares, 0 to 1.
    Share,
    /// A figure moved: `value` and `before` are values, `change` is the share of the one before.
    #[default]
    Move,
    /// Something rumoured was denied, confirmed or taken back.
    Turn,
    /// A source fell silent: `value` is the days since, `before` the days that are usual.
    Silence,
    /// Somebody who was not known before.
    Found,
}

impl What {
    /// All of them, in the order in which digests tell.
    pub const ALL: [What; 7] =
        [What::Breakout, What::Move, What::Rank, What::Share, What::Turn, What::Silence, What::Found];

    /// The word for it in files and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Breakout => "breakout",
            What::Rank => "rank",
            What::Share => "share",
            What::Move => "move",
            What::Turn => "turn",
            What::Silence => "silence",
            What::Found => "found",
        }
    }
}

/// One thing that happened. What does not apply is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Happening {
    /// Hash of what it says; told once.
    pub id: String,
    /// What it is.
    pub what: What,
    /// The entity's or the source's name.
    pub name: String,
    /// The entity, 16 hexadecimal digits.
    pub entity: Option<String>,
    /// `product`, `company` or `segment`.
    pub kind: Option<String>,
    /// Id of the metric.
    pub metric: Option<String>,
    /// The period, in ISO text.
    pub period: Option<String>,
    /// Segment of the figure.
    pub segment: Option<String>,
    /// See [`What`].
    pub value: Option<f64>,
    /// See [`What`].
    pub before: Option<f64>,
    /// The value's change, as a share of the value before.
    pub change: Option<f64>,
    /// Unit of value and before.
    pub unit: Option<String>,
    /// The place that was crossed.
    pub top: Option<u32>,
    /// What the event is: funding, launch, …
    pub event: Option<String>,
    /// Its status: denied, confirmed, withdrawn, official.
    pub status: Option<String>,
    /// The other side of the event.
    pub counterparty: Option<String>,
    /// What the source says besides, or why something is likely.
    pub notes: Vec<String>,
    /// Whose word it is; where one of them may not be passed on, nor may this.
    pub sources: Vec<String>,
    /// The claim that `value` is, 32 hexadecimal digits.
    pub claim: Option<String>,
    /// The claim that `before` is.
    pub claim_before: Option<String>,
    /// Where the source says so.
    pub url: Option<String>,
    /// Since when it is known, microseconds since 1970-01-01 UTC.
    pub known_at: i64,
}

/// A number of 16 hexadecimal digits that stands for some texts.
pub(crate) fn id_of(parts: &[&str]) -> String {
    crowsnest_lake::entity_hex(crowsnest_model::event_id(parts))
}

/// A moment of the lake's rows as microseconds.
pub(crate) fn micros(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_microsecond).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_what_files_hold() {
        for what in What::ALL {
            assert_eq!(serde_json::to_string(&what).unwrap(), format!("\"{}\"", what.as_str()));
        }
        assert_ne!(id_of(&["a", "bc"]), id_of(&["ab", "c"]));
        assert_eq!(micros("1970-01-01T00:00:01Z"), 1_000_000);
    }
}
