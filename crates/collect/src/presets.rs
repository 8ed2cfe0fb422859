//! Presets: mappings for what vendors export, with what was verified of them.
//!
//! A preset is a file `presets/NAME.toml`: what it is for, how its columns were verified, the vendor's terms, a mapping
//! under `[map]` in the form of mapping files, and for an interface a `[source]` with a connector and its options. Beside
//! it lie a sample that was made for it and what has to come of that (`tests/presets.rs`). To add one: the three files
//! and a line in [`PRESETS`].

use serde::Deserialize;

/// A preset, as it is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name, lower case with underscores: `sensor_tower_monthly`.
    pub name: &'static str,
    /// The file as written.
    pub text: &'static str,
}

macro_rules! presets {
    ($( $name:literal, )+) => {
        &[$( Preset { name: $name, text: include_str!(concat!("../presets/", $name, ".toml")) }, )+]
    };
}

/// Every preset, by name.
pub static PRESETS: &[Preset] = presets![
    "appfigures_estimates",
    "appfigures_sales",
    "crunchbase_funding",
    "data_ai_estimates",
    "diandian_downloads",
    "itjuzi_funding",
    "qimai_downloads",
    "qimai_rank",
    "questmobile_mau",
    "sensor_tower_api",
    "sensor_tower_monthly",
    "sensor_tower_rankings",
    "sensor_tower_top_apps",
    "similarweb_api",
    "similarweb_export",
];

/// The preset of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// What a preset says.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetContent {
    /// What it is called on pages.
    pub title: String,
    /// Who exports it; who says what its rows say, unless the user names another source.
    pub vendor: String,
    /// The vendor's page.
    pub homepage: String,
    /// Which export it is for.
    pub export: String,
    /// Which columns were verified against what, and which were not.
    pub verified: String,
    /// The vendor's terms, in a few words.
    pub licence: String,
    /// Whether rows may be passed on, as far as the terms say.
    pub redistribute: bool,
    /// Connector and options, where it is an interface.
    pub source: Option<PresetSource>,
    /// The mapping, as the text of a mapping file.
    pub map: String,
}

/// How an interface is asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetSource {
    /// Name of the connector.
    pub connector: String,
    /// `[options]` of a source's file, with examples where a user has to choose.
    pub options: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    vendor: String,
    homepage: String,
    export: String,
    verified: String,
    licence: String,
    redistribute: bool,
    source: Option<PresetSource>,
    map: toml::Table,
}

impl Preset {
    /// What it says.
    ///
    /// # Errors
    /// What is wrong with its file; none of the embedded ones is.
    pub fn content(&self) -> Result<PresetContent, String> {
        let fault = |error: &dyn std::fmt::Display| format!("preset {}: {error}", self.name);
        let written: Written = toml::from_str(self.text).map_err(|error| fault(&error.message()))?;
        let map = toml::to_string(&written.map).map_err(|error| fault(&error))?;
        Ok(PresetContent {
            title: written.title,
            vendor: written.vendor,
            homepage: written.homepage,
            export: written.export,
            verified: written.verified,
            licence: written.licence,
            redistribute: written.redistribute,
            source: written.source,
            map,
        })
    }
}
