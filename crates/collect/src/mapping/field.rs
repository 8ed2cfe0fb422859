//! The fields of a claim and of an event: the lake's names for a file's columns.
//!
//! To add a field: a line in `FIELDS`, and its use in `rows/claims.rs` or `rows/events.rs`.

/// What a file's rows become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Figures.
    Claims,
    /// Happenings.
    Events,
}

impl Target {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Claims => "claims",
            Self::Events => "events",
        }
    }
}

macro_rules! fields {
    ($( $variant:ident = $name:literal, $is_claims:literal, $is_events:literal, [$($other:literal),*]; )+) => {
        /// One field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Field { $( $variant, )+ }

        impl Field {
            /// Every field.
            pub(crate) const ALL: &'static [Field] = &[$( Field::$variant, )+];

            /// The lake's name for a column that holds it.
            pub(crate) const fn name(self) -> &'static str {
                match self { $( Field::$variant => $name, )+ }
            }

            /// Other names of columns that are read as it.
            pub(crate) const fn other_names(self) -> &'static [&'static str] {
                match self { $( Field::$variant => &[$($other),*], )+ }
            }

            /// Whether rows of this target have it.
            pub(crate) const fn is_of(self, target: Target) -> bool {
                match (self, target) {
                    $( (Field::$variant, Target::Claims) => $is_claims,
                       (Field::$variant, Target::Events) => $is_events, )+
                }
            }
        }
    };
}

fields! {
    Subject = "subject", true, true, [];
    Kind = "kind", true, true, [];
    Metric = "metric", true, false, [];
    Period = "period", true, false, [];
    Region = "region", true, false, [];
    Platform = "platform", true, false, [];
    Segment = "segment", true, false, [];
    Value = "value", true, false, [];
    Low = "low", true, false, [];
    High = "high", true, false, [];
    Unit = "unit", true, false, [];
    AsWritten = "as_written", true, false, [];
    Event = "event", false, true, [];
    HappenedOn = "happened_on", false, true, [];
    Counterparty = "counterparty", false, true, ["counterparties"];
    Person = "person", false, true, [];
    Round = "round", false, true, [];
    Amount = "amount", false, true, [];
    Currency = "currency", false, true, [];
    ValuationLow = "valuation_low", false, true, ["valuation"];
    ValuationHigh = "valuation_high", false, true, [];
    ValuationCurrency = "valuation_currency", false, true, [];
    Note = "note", false, true, [];
    Status = "status", true, true, [];
    Source = "source", true, true, [];
    SaidOn = "said_on", true, true, ["announced_on"];
    SaidNotBefore = "said_not_before", true, true, [];
    Url = "url", true, true, [];
    NativeId = "native_id", true, true, [];
    Developer = "developer", true, true, [];
    Domain = "domain", true, true, [];
}

impl Field {
    /// The field of that name, among those of the target.
    pub(crate) fn parse(name: &str, target: Target) -> Option<Field> {
        Self::ALL.iter().copied().find(|field| field.is_of(target) && field.name() == name)
    }

    /// The names of a target's fields, for messages.
    pub(crate) fn names(target: Target) -> String {
        let names: Vec<&str> = Self::ALL.iter().filter(|field| field.is_of(target)).map(|field| field.name()).collect();
        names.join(", ")
    }
}

/// A column's name as it is compared: lower case, blanks and hyphens as underscores.
pub(crate) fn column_key(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}
