//! The lake's tables as plain description: names, columns, order and uniqueness, without any engine.
//!
//! `lake` turns these into Delta tables and checks rows against them; `serve` and the reference pages read the
//! documentation from here. All tables are append-only. To add a table or a column: a line here, a migration in
//! `lake`, and an ADR first, for a lake on somebody's disk has to open for ever.

use self::ColumnType::{Boolean, Day, Float64, Instant, Int64, Text};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Signed 64-bit integer.
    Int64,
    /// IEEE 754 double.
    Float64,
    /// UTF-8 text.
    Text,
    /// A day, as days since 1970-01-01 (Arrow `date32`).
    Day,
    /// A moment, as microseconds since 1970-01-01 UTC.
    Instant,
    /// True or false.
    Boolean,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name, lower case with underscores.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether a row may leave it empty.
    pub nullable: bool,
    /// What it means, with unit and range.
    pub doc: &'static str,
}

/// One table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Name, lower case, plural.
    pub name: &'static str,
    /// What one row is.
    pub doc: &'static str,
    /// Columns, in the order in which they are stored.
    pub columns: &'static [Column],
    /// Columns whose values split the table into folders.
    pub partition_by: &'static [&'static str],
    /// Columns that rows are sorted by within a file.
    pub sort_by: &'static [&'static str],
    /// Columns that together occur once.
    pub unique_by: &'static [&'static str],
}

impl Table {
    /// The column of that name, if the table has one.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Every table of the lake.
pub static TABLES: &[&Table] = &[
    &CLAIMS,
    &EVENTS,
    &MENTIONS,
    &DOCUMENTS,
    &ALIASES,
    &RELATIONS,
    &JUDGEMENTS,
    &LINKS,
    &MEMBERSHIPS,
    &KEYS_OF_NAMES,
    &FIGURES,
    &SIGNALS,
    &PLANS,
];

/// The table of that name, if there is one.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}

const fn required(name: &'static str, column_type: ColumnType, doc: &'static str) -> Column {
    Column { name, column_type, nullable: false, doc }
}

const fn optional(name: &'static str, column_type: ColumnType, doc: &'static str) -> Column {
    Column { name, column_type, nullable: true, doc }
}

/// Claims: one source's word on one figure.
pub static CLAIMS: Table = Table {
    name: "claims",
    doc: "One row is one source's word on one figure. Rows are only ever appended.",
    partition_by: &["metric"],
    sort_by: &["period_start", "mention_id", "known_at"],
    unique_by: &["mention_id", "claim_id"],
    columns: &[
        required("claim_id", Int64, "Hash of everything the claim says; see `ids`."),
        required("mention_id", Int64, "The mention the claim is about."),
        required("subject", Text, "The subject's name as this row writes it."),
        required("kind", Text, "product, company or segment."),
        required("metric", Text, "Id of the metric in the registry."),
        required("period", Text, "The period the value is for, as canonical ISO text."),
        required("period_start", Day, "First day of the period."),
        required("period_end", Day, "Day after the period's last."),
        required("grain", Text, "instant, day, week, month, quarter, half, year or span."),
        required("region", Text, "Region the value is for."),
        required("platform", Text, "Platform the value is for."),
        required("segment", Text, "Segment the value is for."),
        required("value", Float64, "The value, in `unit`; the midpoint if a range was given."),
        optional("low", Float64, "Lower bound the writing implies, in `unit`."),
        optional("high", Float64, "Upper bound the writing implies, in `unit`."),
        required("bound", Text, "exact, approximate, at_least, at_most or range."),
        required("unit", Text, "Unit, or ISO 4217 code if the value is money."),
        optional("as_written", Text, "The number as the source wrote it."),
        required("status", Text, "reported, estimated, official, rumoured, denied, confirmed or withdrawn."),
        required("source", Text, "Who says so."),
        optional("said_at", Instant, "When the source said it, if it tells."),
        required("known_at", Instant, "When this lake could know it: as-of questions go by this."),
        required("recorded_at", Instant, "When the row was written."),
        required("document", Text, "SHA-256 of the document it was read from, hexadecimal."),
        optional("record", Int64, "Line or row number in the document, from 1."),
        optional("url", Text, "Address at which the source says it."),
    ],
};

/// Events: claims that aren't numbers.
pub static EVENTS: Table = Table {
    name: "events",
    doc: "One row is one source's word that something happened, will happen or did not happen.",
    partition_by: &[],
    sort_by: &["said_at"],
    unique_by: &["event_id"],
    columns: &[
        required("event_id", Int64, "Hash of everything the event says; see `ids`."),
        required("mention_id", Int64, "The mention it happened to."),
        required("subject", Text, "The subject's name as this row writes it."),
        required("kind", Text, "product, company or segment."),
        required("event", Text, "What happened: funding, acquisition, launch, departure, …"),
        optional("happened_on", Text, "When it happened, as canonical ISO text of a period."),
        optional("happened_start", Day, "First day on which it can have happened."),
        optional("happened_end", Day, "Day after the last on which it can have happened."),
        optional("counterparty", Text, "The other side: buyer, investors, partner; several separated by `;`."),
        optional("person", Text, "Who left, joined or spoke."),
        optional("round", Text, "Round of funding."),
        optional("amount", Float64, "Amount of money, in `currency`."),
        optional("currency", Text, "ISO 4217 code of `amount`."),
        optional("valuation_low", Float64, "Lower bound of the valuation, in `valuation_currency`."),
        optional("valuation_high", Float64, "Upper bound of the valuation, in `valuation_currency`."),
        optional("valuation_currency", Text, "ISO 4217 code of the valuation."),
        required("status", Text, "reported, estimated, official, rumoured, denied, confirmed or withdrawn."),
        required("source", Text, "Who says so."),
        optional("said_at", Instant, "When the source said it, if it tells."),
        required("known_at", Instant, "When this lake could know it: as-of questions go by this."),
        required("recorded_at", Instant, "When the row was written."),
        required("document", Text, "SHA-256 of the document it was read from, hexadecimal."),
        optional("record", Int64, "Line or row number in the document, from 1."),
        optional("url", Text, "Address at which the source says it."),
        optional("note", Text, "What else the source says, in a few words."),
    ],
};

/// Mentions: names and native ids as sources write them.
pub static MENTIONS: Table = Table {
    name: "mentions",
    doc: "One row is one name or native id as one source writes it.",
    partition_by: &[],
    sort_by: &["mention_id"],
    unique_by: &["mention_id"],
    columns: &[
        required("mention_id", Int64, "Hash of source, kind and native id or normalised name."),
        required("source", Text, "The source that writes it so."),
        required("kind", Text, "product, company or segment."),
        required("name", Text, "The name as first written."),
        optional("native_id", Text, "The source's own id, for example a package name."),
        required("name_key", Text, "The name, normalised: the key that names are compared by."),
        required("entity_id", Int64, "The identity the mention has by itself, before any judgement."),
        optional("pinyin", Text, "Pinyin of the name without tones, if it has Chinese characters."),
        optional("initials", Text, "First letters of the pinyin, if it has Chinese characters."),
        required("known_at", Instant, "When this lake first met it."),
        required("document", Text, "SHA-256 of the document it was first read from, hexadecimal."),
        optional("developer", Text, "Who makes or publishes it, as the source writes it."),
        optional("domain", Text, "Its web domain, without `www.`."),
    ],
};

/// Documents: payloads as they arrived.
pub static DOCUMENTS: Table = Table {
    name: "documents",
    doc: "One row is one payload as it arrived, read with one mapping.",
    partition_by: &[],
    sort_by: &["known_at"],
    unique_by: &["document", "mapping"],
    columns: &[
        required("document", Text, "SHA-256 of the bytes, hexadecimal."),
        required("name", Text, "File name, without folders."),
        required("source", Text, "The source it came from."),
        required("media_type", Text, "Media type, for example text/csv."),
        required("n_bytes", Int64, "Number of bytes as it arrived."),
        required("mapping", Text, "Hash of the mapping and the source, hexadecimal."),
        optional("mapping_toml", Text, "The mapping it was read with."),
        required("n_records", Int64, "Number of records read."),
        required("n_claims", Int64, "Number of claims read."),
        required("n_events", Int64, "Number of events read."),
        required("n_rejects", Int64, "Number of records that could not be read."),
        required("known_at", Instant, "When it was imported."),
        optional("origin", Text, "Address it came from."),
    ],
};

/// Aliases: which names the catalogue says are one entity.
pub static ALIASES: Table = Table {
    name: "aliases",
    doc: "One row is the catalogue's word that a name is an entity's, or (not active) that it no longer is.",
    partition_by: &[],
    sort_by: &["known_at"],
    unique_by: &["alias_id"],
    columns: &[
        required("alias_id", Int64, "Hash of everything the row says."),
        required("self_entity_id", Int64, "The identity the alias has by itself."),
        required("entity_id", Int64, "The entity it is a name of."),
        required("entity", Text, "The entity's canonical name."),
        required("kind", Text, "product, company or segment."),
        required("alias", Text, "The name."),
        required("language", Text, "en, zh-Hans, zh-Hant or pinyin; empty if not said."),
        required("active", Boolean, "Whether it holds, from `known_at` on."),
        required("by", Text, "Who says so: a file of the catalogue, or a person."),
        required("known_at", Instant, "When the lake learnt it."),
        optional("why", Text, "On what grounds, if somebody said."),
    ],
};

/// Relations: who owns what, what followed what.
pub static RELATIONS: Table = Table {
    name: "relations",
    doc: "One row is somebody's word that one entity belongs to or follows another, or (not active) that it does not.",
    partition_by: &[],
    sort_by: &["known_at"],
    unique_by: &["relation_id"],
    columns: &[
        required("relation_id", Int64, "Hash of everything the row says."),
        required("relation", Text, "owned_by, successor_of or version_of."),
        required("entity_id", Int64, "The product or company that belongs, follows or is a version."),
        required("entity", Text, "Its canonical name."),
        required("owner_id", Int64, "The company it belongs to, or what it follows or is a version of."),
        required("owner", Text, "The canonical name of that."),
        required("active", Boolean, "Whether it holds, from `known_at` on."),
        required("by", Text, "Who says so: a file of the catalogue, or a person."),
        required("known_at", Instant, "When the lake learnt it."),
        optional("valid_from", Day, "First day on which it holds; ever before where empty."),
        optional("valid_until", Day, "First day on which it no longer holds; for ever where empty."),
        optional("why", Text, "On what grounds, or at which address, if somebody said."),
    ],
};

/// Judgements: which mentions are the same.
pub static JUDGEMENTS: Table = Table {
    name: "judgements",
    doc: "One row is one judgement on whether two mentions are the same thing; a later one undoes an earlier one.",
    partition_by: &[],
    sort_by: &["known_at"],
    unique_by: &["judgement_id"],
    columns: &[
        required("judgement_id", Int64, "Hash of everything the judgement says."),
        required("left", Int64, "One mention."),
        required("right", Int64, "The other mention."),
        required("verdict", Text, "same, different, unsure, or withdrawn where it was taken back."),
        required("by", Text, "Who or what judged."),
        optional("why", Text, "On what grounds."),
        required("known_at", Instant, "When it was judged."),
    ],
};

/// Links: pairs of names that were compared, and how probable it is that they are the same.
pub static LINKS: Table = Table {
    name: "links",
    doc: "One row is a pair of names that a resolution compared; the row known last counts.",
    partition_by: &[],
    sort_by: &["left", "right"],
    unique_by: &["link_id"],
    columns: &[
        required("link_id", Int64, "Hash of the pair, its probability and the model."),
        required("left", Int64, "One name: the identity that its mentions have by themselves."),
        required("right", Int64, "The other name, the same way; greater than `left`."),
        required("score", Float64, "Log-odds that both are the same, as the comparisons add up."),
        required("probability", Float64, "Probability that both are the same, calibrated, 0 to 1."),
        required("verdict", Text, "same, different or unsure: what follows from the probability and the costs."),
        required(
            "comparisons",
            Int64,
            "The level of each comparison, four bits each; `crowsnest resolve --explain` tells.",
        ),
        required("model", Text, "The weights of the levels, as text."),
        required("known_at", Instant, "When they were compared."),
    ],
};

/// Memberships: which entity a name was resolved to.
pub static MEMBERSHIPS: Table = Table {
    name: "memberships",
    doc: "One row says to which entity a name was resolved; the row known last counts, and rewrites nothing.",
    partition_by: &[],
    sort_by: &["known_at", "member"],
    unique_by: &["membership_id"],
    columns: &[
        required("membership_id", Int64, "Hash of everything the row says."),
        required("member", Int64, "The name: the identity that its mentions have by themselves."),
        required("entity_id", Int64, "The entity it is; its own identity where it is alone again."),
        required("probability", Float64, "Of its links to the entity's other names the strongest, 0 to 1."),
        required("known_at", Instant, "When it was resolved."),
    ],
};

/// Keys of names: what names that may be the same have in common.
pub static KEYS_OF_NAMES: Table = Table {
    name: "keys_of_names",
    doc: "One row is one key of a name that was resolved: names with a key in common are compared. Made from `mentions`.",
    partition_by: &[],
    sort_by: &["key", "name"],
    unique_by: &["key", "name"],
    columns: &[
        required("key", Int64, "Hash of a reading, a part of one, a word, an id, a developer or a domain."),
        required("name", Int64, "The name: the identity that its mentions have by themselves."),
    ],
};

/// Figures: the reconciled values.
pub static FIGURES: Table = Table {
    name: "figures",
    doc: "One row is the reconciled value of one entity, metric, period and set of dimensions, as of one moment.",
    partition_by: &["metric"],
    sort_by: &["period_start", "entity_id", "known_at"],
    unique_by: &["figure_id"],
    columns: &[
        required("figure_id", Int64, "Hash of everything the figure says."),
        required("entity_id", Int64, "The entity it is about."),
        required("metric", Text, "Id of the metric in the registry."),
        required("period", Text, "The period the value is for, as canonical ISO text."),
        required("period_start", Day, "First day of the period."),
        required("period_end", Day, "Day after the period's last."),
        required("grain", Text, "Grain of the period."),
        required("region", Text, "Region the value is for."),
        required("platform", Text, "Platform the value is for."),
        required("segment", Text, "Segment the value is for."),
        required("value", Float64, "The value, in `unit`."),
        optional("low", Float64, "Lower end of the 80 % interval, in `unit`."),
        optional("high", Float64, "Upper end of the 80 % interval, in `unit`."),
        required("unit", Text, "Unit, or ISO 4217 code if the value is money."),
        required("n_claims", Int64, "Number of claims that contribute."),
        required("claims", Text, "References of the contributing claims, separated by blanks."),
        required("method", Text, "Method that reconciled them; `withdrawn` where nothing is said of it any more."),
        required("known_at", Instant, "The moment as of which it holds."),
        optional("low_50", Float64, "Lower end of the 50 % interval, in `unit`."),
        optional("high_50", Float64, "Upper end of the 50 % interval, in `unit`."),
        optional("low_95", Float64, "Lower end of the 95 % interval, in `unit`."),
        optional("high_95", Float64, "Upper end of the 95 % interval, in `unit`."),
        optional("weights", Text, "Weights of the claims, 0 to 1, in their order, separated by blanks."),
        optional(
            "agreement",
            Float64,
            "Share of the claims whose value, less their source's bias, is in the 80 % interval.",
        ),
        optional("reason", Text, "How the value came about, in words."),
    ],
};

/// Signals: what detection says of a series.
pub static SIGNALS: Table = Table {
    name: "signals",
    doc: "One row is what one detector says of one entity's series, as of one moment.",
    partition_by: &[],
    sort_by: &["known_at", "entity_id"],
    unique_by: &["signal_id"],
    columns: &[
        required("signal_id", Int64, "Hash of everything the signal says."),
        required("entity_id", Int64, "The entity it is about."),
        required("metric", Text, "Id of the metric whose series was read."),
        required("detector", Text, "Name of the detector."),
        required("period", Text, "The period it speaks of, as canonical ISO text."),
        required("period_start", Day, "First day of the period."),
        required("period_end", Day, "Day after the period's last."),
        optional("probability", Float64, "Calibrated probability, 0 to 1, if the detector gives one."),
        optional("value", Float64, "Its value, for example a forecast, in the metric's unit."),
        optional("low", Float64, "Lower end of the interval."),
        optional("high", Float64, "Upper end of the interval."),
        optional("evidence", Text, "What it rests on, as JSON."),
        required("known_at", Instant, "The moment as of which it holds."),
    ],
};

/// Plans: fits, divided budgets, experiments and what came of them.
pub static PLANS: Table = Table {
    name: "plans",
    doc: "One row is a part of what was planned, tried or came: the whole of it, a channel, a period's spend, a scenario.",
    partition_by: &[],
    sort_by: &["known_at", "plan"],
    unique_by: &["plan_id"],
    columns: &[
        required("plan_id", Int64, "Hash of everything the row says."),
        required("plan", Text, "Name of the plan or experiment."),
        required("kind", Text, "fit, plan, experiment or outcome."),
        required("part", Text, "whole, channel, spend, scenario, or lift (of a curve, by an experiment)."),
        required("known_at", Instant, "When it was made: as-of questions go by this."),
        required("model", Text, "What made it, with version; a person's name for what a person said."),
        required("inputs", Text, "What it was made from: a file with the hash of its bytes, or claims."),
        required("vintage", Instant, "The moment as of which the inputs hold."),
        optional("channel", Text, "Channel; the scenario's name for a scenario; the metric for an experiment."),
        optional("product", Text, "Product or region, where there are several."),
        optional("period", Text, "First day of the period that money is for."),
        optional("present", Float64, "Money a period of late."),
        optional("spend", Float64, "Money: of the whole plan, of a channel a period, or of one period."),
        optional("outcome", Float64, "Expected outcome, or what was found or came."),
        optional("q05", Float64, "A twentieth of what is believed of the outcome lies below."),
        optional("q50", Float64, "Half of it lies below."),
        optional("q95", Float64, "A twentieth of it lies above."),
        optional("call", Text, "The call that it came from: id of its signal, hexadecimal."),
        optional("direction", Text, "The direction that it came from: name of a segment, say."),
        optional("comes_from", Text, "The plan that an experiment or an outcome belongs to."),
        optional("note", Text, "What else is to be known, in a few words."),
        optional("report", Text, "All of it, as JSON, on rows of the whole."),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_columns_that_exist_and_are_filled() {
        for table in TABLES {
            let keys = table.partition_by.iter().chain(table.unique_by);
            for key in keys {
                let column = table.column(key).unwrap_or_else(|| panic!("{}.{key}", table.name));
                assert!(!column.nullable, "{}.{key} may be empty", table.name);
            }
            for key in table.sort_by {
                assert!(table.column(key).is_some(), "{}.{key}", table.name);
            }
        }
    }

    #[test]
    fn column_names_occur_once_and_are_documented() {
        for table in TABLES {
            for (index, column) in table.columns.iter().enumerate() {
                let is_first = table.columns[..index].iter().all(|other| other.name != column.name);
                assert!(is_first, "{}.{}", table.name, column.name);
                assert!(column.doc.ends_with(['.', '…']), "{}.{}", table.name, column.name);
            }
        }
        assert_eq!(table("claims"), Some(&CLAIMS));
        assert_eq!(table("nothing"), None);
    }
}
