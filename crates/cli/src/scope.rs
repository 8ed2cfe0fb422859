//! The scope of figures that questions are narrowed to: where, on what, of whom, and who says so.

use clap::Args;

/// What is left open is everything.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Only this region, for example cn
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Only this platform, for example app
    #[arg(long)]
    pub(crate) platform: Option<String>,
    /// Only this segment
    #[arg(long)]
    pub(crate) segment: Option<String>,
    /// Only what this source says
    #[arg(long)]
    pub(crate) source: Option<String>,
}
