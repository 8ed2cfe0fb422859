//! How one collected document is read: by which connector, with which options, and what its request knew.
//!
//! It is written into the table `documents` behind the mapping, as `[connector]`, so that a document can be read again
//! at any time as it was read first, and with other options or a newer mapping by `crowsnest replay`.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::connector::{Page, Parsed};
use crate::connectors;

/// Larger documents are not taken apart by connectors.
const BODY_MIB_MAX: u64 = 1024;

/// A connector, its options, and what the request of a document knew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) slot: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    #[serde(default = "ok", skip_serializing_if = "is_ok")]
    pub(crate) status: u16,
    /// Only where it changes what the document says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) fetched_at: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) links: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) context: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(crate) options: toml::Table,
}

fn ok() -> u16 {
    200
}

fn is_ok(status: &u16) -> bool {
    *status == ok()
}

#[derive(Serialize, Deserialize)]
struct Within {
    connector: Recipe,
}

impl Recipe {
    /// The recipe in a mapping's text.
    pub(crate) fn in_text(text: &str) -> Result<Self, String> {
        let within: Within = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        match connectors::connector(&within.connector.name) {
            Some(_) => Ok(within.connector),
            None => Err(format!("there is no connector {:?}", within.connector.name)),
        }
    }

    /// A mapping's text with this recipe behind it.
    pub(crate) fn text_after(&self, mapping: &str) -> String {
        // Infallible: texts, numbers and tables of them can be written.
        let own = toml::to_string(&Within { connector: self.clone() }).unwrap_or_default();
        if mapping.is_empty() { own } else { format!("{}\n\n{own}", mapping.trim_end()) }
    }

    /// What a document says.
    ///
    /// # Errors
    /// Why it is not what it should be.
    pub(crate) fn parse(&self, body: &[u8]) -> Result<Parsed, String> {
        let entry =
            connectors::connector(&self.name).ok_or_else(|| format!("there is no connector {:?}", self.name))?;
        let configured = entry.configure(&self.options)?;
        configured.parse(&self.page(body))
    }

    /// The document as connectors see it.
    pub(crate) fn page<'a>(&'a self, body: &'a [u8]) -> Page<'a> {
        Page {
            body,
            media_type: &self.media_type,
            url: &self.url,
            status: self.status,
            links: &self.links,
            context: &self.context,
            slot: &self.slot,
            fetched_at: self.fetched_at.parse().unwrap_or_default(),
        }
    }

    /// Reads a whole body; as much as may be taken apart at once.
    pub(crate) fn body_of(reader: &mut dyn Read) -> std::io::Result<Vec<u8>> {
        let limit = BODY_MIB_MAX << 20;
        let mut body = Vec::new();
        reader.take(limit + 1).read_to_end(&mut body)?;
        if body.len() as u64 > limit {
            return Err(std::io::Error::other(format!("it is larger than {BODY_MIB_MAX} MiB")));
        }
        Ok(body)
    }
}

/// Records as lines of JSON, which the readers of an import take.
pub(crate) fn lines_of(parsed: &Parsed) -> Vec<u8> {
    let mut lines = Vec::with_capacity(parsed.records.len() * 128);
    for record in &parsed.records {
        // Infallible: a map of values can always be written to memory.
        let _ = serde_json::to_writer(&mut lines, record);
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_read_back_from_behind_a_mapping() {
        let options: toml::Table = toml::from_str("packages = [\"a\"]").unwrap();
        let context = BTreeMap::from([("item".to_owned(), "豆包 \"x\"".to_owned())]);
        let recipe = Recipe {
            name: "npm_downloads".into(),
            slot: "a".into(),
            status: 200,
            options,
            context,
            ..Recipe::default()
        };
        let text = recipe.text_after("[columns]\nsubject = \"name\"\n");
        assert_eq!(Recipe::in_text(&text).unwrap(), recipe);
        assert!(text.starts_with("[columns]"));
        assert!(Recipe::in_text("[connector]\nname = \"no_such\"\nslot = \"\"").unwrap_err().contains("no_such"));
    }
}
