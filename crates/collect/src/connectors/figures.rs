//! What connectors of counts and charts share: a product's figures of a day, and how what cannot be read is said.
//!
//! Nothing here knows a source. A figure that is no number becomes a problem of the document, never a zero.

use serde_json::Value;

use super::answers;
use crate::connector::{Page, Parsed};

/// Requests that one run may begin with, at most: more is a slip in the options.
const REQUESTS_MAX: usize = 5000;
/// Characters of what was found that a message shows.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// What all figures of one product in one document have in common; what is empty is left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures<'a> {
    pub(crate) subject: &'a str,
    pub(crate) native_id: &'a str,
    /// The day, or another ISO period.
    pub(crate) period: &'a str,
    pub(crate) region: &'a str,
    pub(crate) platform: &'a str,
    pub(crate) segment: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) url: &'a str,
    pub(crate) status: &'a str,
}

impl Figures<'_> {
    /// Adds one figure; `field` is what the source calls it, for the message where it is no number.
    pub(crate) fn add(&self, parsed: &mut Parsed, metric: &'static str, field: &str, value: &Value) {
        if !value.is_number() {
            parsed.problem(field, shown(value), "a number");
            return;
        }
        parsed.push([
            ("subject", self.subject.into()),
            ("native_id", self.native_id.into()),
            ("metric", metric.into()),
            ("period", self.period.into()),
            ("region", self.region.into()),
            ("platform", self.platform.into()),
            ("segment", self.segment.into()),
            ("value", value.clone()),
            ("unit", self.unit.into()),
            ("status", self.status.into()),
            ("url", self.url.into()),
        ]);
    }
}

/// A value as text; empty where it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default().trim()
}

/// A value as a message shows it.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

/// A base address without the slash at its end.
pub(crate) fn base(address: &str) -> &str {
    address.trim_end_matches('/')
}

/// That a run does not begin with more requests than any market needs.
pub(crate) fn check_number_of_requests(n_requests: usize) -> Result<(), String> {
    if n_requests > REQUESTS_MAX {
        return Err(format!("the options ask for {n_requests} addresses in each run: split them over several sources"));
    }
    Ok(())
}

/// `owner/name`, each of letters, digits and `-_.`.
pub(crate) fn check_owner_and_name(written: &str) -> Result<(), String> {
    let is_part = |part: &str| {
        let is_plain = part.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.'));
        is_plain && !part.chars().all(|sign| sign == '.')
    };
    match written.split_once('/') {
        Some((owner, name)) if is_part(owner) && is_part(name) => Ok(()),
        _ => Err(format!("{written:?} is not of the form owner/name: write it as its address has it")),
    }
}

/// The address of the page after this one, by the answer's header `Link`; on the same host, so that no token leaves it.
pub(crate) fn next_page(page: &Page<'_>) -> Result<Option<String>, String> {
    let Some(next) = page.links.get("next") else { return Ok(None) };
    let here = answers::address(page.url)?;
    let there = here.join(next).map_err(|error| format!("Link {next:?}: {error}"))?;
    if there.origin() != here.origin() {
        return Err(format!("the next page, {there}, is on another host than {here}"));
    }
    Ok(Some(there.into()))
}
