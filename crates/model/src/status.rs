//! How firmly a source says something.
//!
//! A rumour, its denial and its confirmation are three claims that stand side by side; none replaces another.

use crate::word::word_enum;

word_enum! {
    /// The standing of a claim or an event, as its source gives it.
    pub enum Status called "status" {
        /// A third party says so and names it as a fact.
        Reported = "reported",
        /// Worked out from a panel, a sample or a model.
        Estimated = "estimated",
        /// Said by the subject itself: a filing, a statement, its own page.
        Official = "official",
        /// Said without a source that stands by it.
        Rumoured = "rumoured",
        /// Said not to be so.
        Denied = "denied",
        /// Said by the subject or a second party to be so after it had been rumoured.
        Confirmed = "confirmed",
        /// Taken back by the source that had said it.
        Withdrawn = "withdrawn",
    }
}

impl Status {
    /// Whether figures with this status enter totals, league tables and reconciliation unless asked otherwise.
    ///
    /// False for what is denied or withdrawn: those rows say that something is *not* so.
    pub const fn counts_by_default(self) -> bool {
        !matches!(self, Status::Denied | Status::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn only_the_denied_and_the_withdrawn_do_not_count() {
        let left_out: Vec<&str> =
            Status::ALL.iter().filter(|status| !status.counts_by_default()).map(|status| status.as_str()).collect();
        assert_eq!(left_out, ["denied", "withdrawn"]);
    }
}
