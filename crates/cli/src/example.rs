//! The example market, inside the binary: its configuration, catalogue and data files.

use std::path::Path;

use crowsnest_lake::{Market, files};
use rust_embed::RustEmbed;

use crate::failure::Failure;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../markets/ai"]
struct Files;

/// What a market builds for itself, should somebody have built the example in place.
const BUILT: &[&str] = &["lake/", "raw/", "reports/", "state.db", "alerts.log", "."];

/// Templates of reports stand in the folder of what imports report.
fn is_built(name: &str) -> bool {
    let is_template = name.starts_with("reports/") && name.ends_with(".md");
    !is_template && BUILT.iter().any(|built| name.starts_with(built))
}

/// What became of the example's files.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// Files that were not there.
    pub(crate) n_new: usize,
    /// Files that are there with other content; they are left as they are.
    pub(crate) n_differ: usize,
}

/// Puts the example's files into a folder; files that are there already are left as they are.
///
/// # Errors
/// If the folder holds another market, or cannot be written.
pub(crate) fn write_to(dir: &Path) -> Result<Written, Failure> {
    refuse_other_market(dir)?;
    let mut written = Written::default();
    for name in Files::iter().filter(|name| !is_built(name)) {
        let Some(file) = Files::get(&name) else { continue };
        let path = dir.join(name.as_ref());
        if !path.exists() {
            files::write_whole(&path, &file.data)?;
            written.n_new += 1;
        } else if !has_content(&path, &file.data)? {
            written.n_differ += 1;
        }
    }
    if !dir.join(".gitignore").exists() {
        files::write_whole(
            &dir.join(".gitignore"),
            b"/lake\n/raw\n/reports/*\n!/reports/*.md\n/state.db*\n/state.detect\n/alerts.log\n",
        )?;
    }
    Ok(written)
}

fn refuse_other_market(dir: &Path) -> Result<(), Failure> {
    if !dir.join("crowsnest.toml").exists() {
        return Ok(());
    }
    let there = Market::open(dir)?.config.name;
    let ours = example_name()?;
    if there == ours {
        return Ok(());
    }
    Err(Failure::users(
        format!("{} already holds the market {there:?}", dir.display()),
        "choose another folder for the example with --market DIR",
    ))
}

fn example_name() -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let missing = || Failure::ours("opening the example market", "this binary was built without it");
    let file = Files::get("crowsnest.toml").ok_or_else(missing)?;
    let text = String::from_utf8_lossy(&file.data);
    let named: Named = toml::from_str(&text).map_err(|error| Failure::ours("reading the example market", error))?;
    Ok(named.name)
}

fn has_content(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    use std::io::Read as _;
    let mut found = Vec::with_capacity(bytes.len());
    let read = files::open(path)?.take(bytes.len() as u64 + 1).read_to_end(&mut found);
    read.map_err(|source| crowsnest_lake::LakeError::File { doing: "reading", path: path.to_owned(), source })?;
    Ok(found == bytes)
}
