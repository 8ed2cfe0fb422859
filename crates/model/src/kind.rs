//! What sort of thing a claim is about.
//!
//! To add a kind, think of `identify` first: two mentions of different kinds are never the same entity.

use crate::word::word_enum;

word_enum! {
    /// The sort of thing a mention refers to.
    pub enum Kind called "kind" {
        /// Something that people use or buy: an app, a model, a package.
        Product = "product",
        /// Somebody who makes, sells or buys it.
        Company = "company",
        /// A part of the market, or the market itself, that figures are given for as a whole.
        Segment = "segment",
    }
}
