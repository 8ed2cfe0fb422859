//! From a name on the command line to blocks of whole records: input, compression, encoding, format, blocks.
//!
//! Bytes in; out come blocks of valid-looking records that can be parsed in parallel, or tables and sheets.
//! Nothing here knows what a claim is.

pub(crate) mod blocks;
pub(crate) mod compression;
pub(crate) mod encoding;
pub(crate) mod format;
pub(crate) mod input;
pub(crate) mod json_scan;
pub(crate) mod sheets;
pub(crate) mod tables;
