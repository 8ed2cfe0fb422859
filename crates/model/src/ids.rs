//! Identifiers: 64-bit hashes of what a thing says, so that the same thing said twice has the same id.
//!
//! Every id is XXH3-64 (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>) of a canonical encoding,
//! read as a signed integer because that is what the lake's columns hold.
//!
//! The encoding, which never changes (the golden tests hold it):
//! - a first byte for the sort of id, so that ids of two sorts never share an encoding;
//! - a text: its length in bytes as `u32`, then its UTF-8 bytes;
//! - an integer or float: eight bytes; `-0.0` as `0.0`, every NaN as one NaN;
//! - a value that may be missing: byte 0, or byte 1 and the value;
//! - after each field the byte `0x1f`; all numbers little-endian.
//!
//! Lengths make the encoding injective: two different claims never encode to the same bytes. With 64 bits, 20
//! million claims collide with a probability of about 1 in 90,000 (birthday bound, n²/2⁶⁵).

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use crate::kind::Kind;
use crate::period::Period;
use crate::quantity::Bound;
use crate::status::Status;

const SEPARATOR: u8 = 0x1f;

/// Id of a mention: a source's name or native id for something.
///
/// `native_id` decides if there is one; otherwise `normalised_name` does, which the caller makes with
/// [`normalise`](crate::normalise). The same name under two kinds or in two sources gives two mentions.
pub fn mention_id(source: &str, kind: Kind, native_id: Option<&str>, normalised_name: &str) -> i64 {
    let mut bytes = Vec::with_capacity(source.len() + normalised_name.len() + 32);
    bytes.push(b'M');
    push_text(&mut bytes, source);
    push_text(&mut bytes, kind.as_str());
    match native_id {
        Some(id) => {
            bytes.push(1);
            push_text(&mut bytes, id);
        }
        None => {
            bytes.push(0);
            push_text(&mut bytes, normalised_name);
        }
    }
    hash(&bytes)
}

/// Id of the entity that a canonical key stands for by itself, before any judgement.
pub fn entity_id(kind: Kind, canonical_key: &str) -> i64 {
    let mut bytes = Vec::with_capacity(canonical_key.len() + 24);
    bytes.push(b'N');
    push_text(&mut bytes, kind.as_str());
    push_text(&mut bytes, canonical_key);
    hash(&bytes)
}

/// Id of an event: the hash of all its fields as text, in the caller's fixed order.
///
/// A field that is missing and a field that is empty are the same here.
pub fn event_id(fields: &[&str]) -> i64 {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 5).sum());
    bytes.push(b'E');
    for field in fields {
        push_text(&mut bytes, field);
    }
    hash(&bytes)
}

/// Everything a claim says; two claims are the same claim exactly when all of these are the same.
#[derive(Debug, Clone, Copy)]
pub struct ClaimKey<'a> {
    /// The mention the claim is about; holds the source and the kind too.
    pub mention_id: i64,
    /// Metric id, for example `mau`.
    pub metric: &'a str,
    /// The period the value is for.
    pub period: Period,
    /// Region, or the market's word for all of them.
    pub region: &'a str,
    /// Platform, or the market's word for all of them.
    pub platform: &'a str,
    /// Segment, or the market's word for all of them.
    pub segment: &'a str,
    /// The value, in `unit`.
    pub value: f64,
    /// Lower bound, in `unit`, if one is implied.
    pub low: Option<f64>,
    /// Upper bound, in `unit`, if one is implied.
    pub high: Option<f64>,
    /// What the written number says about its exactness.
    pub bound: Bound,
    /// Unit or currency code.
    pub unit: &'a str,
    /// How firmly it is said.
    pub status: Status,
    /// When it was said, microseconds since 1970-01-01 UTC, if the source tells.
    pub said_at: Option<i64>,
}

impl ClaimKey<'_> {
    /// The claim's id.
    ///
    /// `scratch` is cleared and reused; with a buffer that has grown once, no call allocates.
    pub fn id(&self, scratch: &mut Vec<u8>) -> i64 {
        scratch.clear();
        scratch.push(b'C');
        push_integer(scratch, self.mention_id);
        push_text(scratch, self.metric);
        push_integer(scratch, i64::from(self.period.start_day()));
        push_integer(scratch, i64::from(self.period.end_day()));
        push_text(scratch, self.period.grain().as_str());
        push_text(scratch, self.region);
        push_text(scratch, self.platform);
        push_text(scratch, self.segment);
        push_float(scratch, self.value);
        push_optional(scratch, self.low.map(canonical_bits));
        push_optional(scratch, self.high.map(canonical_bits));
        push_text(scratch, self.bound.as_str());
        push_text(scratch, self.unit);
        push_text(scratch, self.status.as_str());
        push_optional(scratch, self.said_at.map(i64::cast_unsigned));
        hash(scratch)
    }
}

/// How people and addresses name one claim: 32 lower-case hexadecimal digits, the mention's id then the claim's.
pub fn claim_ref(mention_id: i64, claim_id: i64) -> String {
    let mut text = String::with_capacity(32);
    // Infallible: writing to a String never fails.
    let _ = write!(text, "{mention_id:016x}{claim_id:016x}");
    text
}

/// Mention id and claim id of a reference made by [`claim_ref`]; `None` for anything else.
pub fn parse_claim_ref(text: &str) -> Option<(i64, i64)> {
    let is_reference = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_reference {
        return None;
    }
    let mention_id = u64::from_str_radix(&text[..16], 16).ok()?;
    let claim_id = u64::from_str_radix(&text[16..], 16).ok()?;
    Some((mention_id.cast_signed(), claim_id.cast_signed()))
}

fn hash(bytes: &[u8]) -> i64 {
    xxh3_64(bytes).cast_signed()
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    // A text of 4 GiB or more cannot be in one claim: a document's lines are limited far below that.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(SEPARATOR);
}

fn push_integer(bytes: &mut Vec<u8>, value: i64) {
    bytes.extend_from_slice(&value.to_le_bytes());
    bytes.push(SEPARATOR);
}

fn push_float(bytes: &mut Vec<u8>, value: f64) {
    bytes.extend_from_slice(&canonical_bits(value).to_le_bytes());
    bytes.push(SEPARATOR);
}

fn push_optional(bytes: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(bits) => {
            bytes.push(1);
            bytes.extend_from_slice(&bits.to_le_bytes());
        }
        None => bytes.push(0),
    }
    bytes.push(SEPARATOR);
}

fn canonical_bits(value: f64) -> u64 {
    if value.is_nan() {
        return f64::NAN.to_bits() & !(1 << 63);
    }
    if value == 0.0 {
        return 0;
    }
    value.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubao_in_december() -> ClaimKey<'static> {
        ClaimKey {
            mention_id: mention_id("AI产品榜", Kind::Product, None, "豆包"),
            metric: "mau",
            period: Period::parse("2024-12").unwrap(),
            region: "cn",
            platform: "app",
            segment: "all",
            value: 71_160_000.0,
            low: None,
            high: None,
            bound: Bound::Exact,
            unit: "users",
            status: Status::Estimated,
            said_at: Some(1_736_208_000_000_000),
        }
    }

    // These values are what lakes on disk hold. If one changes, the encoding changed: put it back. They were made
    // with another implementation of both the encoding and the hash (Python, package xxhash).
    #[test]
    fn golden_ids_never_change() {
        let mut scratch = Vec::new();
        assert_eq!(mention_id("AI产品榜", Kind::Product, None, "豆包"), GOLDEN_MENTION);
        assert_eq!(mention_id("app-store", Kind::Product, Some("com.larus.nova"), "豆包"), GOLDEN_NATIVE);
        assert_eq!(entity_id(Kind::Company, "智谱"), GOLDEN_ENTITY);
        assert_eq!(event_id(&["funding", "智谱", "2025-03"]), GOLDEN_EVENT);
        assert_eq!(doubao_in_december().id(&mut scratch), GOLDEN_CLAIM);
    }
    const GOLDEN_MENTION: i64 = 7970207539756181704;
    const GOLDEN_NATIVE: i64 = -6218465260510350648;
    const GOLDEN_ENTITY: i64 = -2669741268111630703;
    const GOLDEN_EVENT: i64 = -1847411903192253912;
    const GOLDEN_CLAIM: i64 = 5929091403181755282;

    #[test]
    fn zero_and_nan_have_one_encoding_each() {
        let mut scratch = Vec::new();
        let mut claim = doubao_in_december();
        claim.value = 0.0;
        let of_zero = claim.id(&mut scratch);
        claim.value = -0.0;
        assert_eq!(claim.id(&mut scratch), of_zero);
        claim.low = Some(f64::NAN);
        let of_nan = claim.id(&mut scratch);
        claim.low = Some(-f64::NAN);
        assert_eq!(claim.id(&mut scratch), of_nan);
        assert_ne!(of_nan, of_zero);
    }

    #[test]
    fn a_native_id_is_not_a_name() {
        assert_ne!(mention_id("s", Kind::Product, Some("kimi"), "other"), mention_id("s", Kind::Product, None, "kimi"));
        assert_eq!(
            mention_id("s", Kind::Product, Some("kimi"), "one name"),
            mention_id("s", Kind::Product, Some("kimi"), "another")
        );
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(event_id(&["ab", "c"]), event_id(&["a", "bc"]));
        assert_ne!(event_id(&["a\u{1f}b"]), event_id(&["a", "b"]));
        assert_ne!(event_id(&["a", ""]), event_id(&["a"]));
    }

    #[test]
    fn a_reference_reads_back() {
        let text = claim_ref(-1, 42);
        assert_eq!(text, "ffffffffffffffff000000000000002a");
        assert_eq!(parse_claim_ref(&text), Some((-1, 42)));
        assert_eq!(parse_claim_ref("ffff"), None);
        assert_eq!(parse_claim_ref(&text.to_uppercase()), None);
        assert_eq!(parse_claim_ref("豆包豆包豆包豆包豆包ab"), None);
    }
}
