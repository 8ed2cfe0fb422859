//! `crowsnest new DIR`: an empty market.

use std::path::PathBuf;

use clap::Args;
use crowsnest_lake::Market;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::print;

/// Make an empty market
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest new ai-market
  crowsnest new games --name games
  crowsnest new games --storage s3://bucket/games")]
pub(crate) struct New {
    /// Folder of the market; made where it is missing
    dir: PathBuf,
    /// Short name of the market [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Keep tables and documents in an object store instead of the folder
    #[arg(long, value_name = "ADDRESS")]
    storage: Option<String>,
}

impl New {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let folder_name = std::path::absolute(&self.dir)
            .ok()
            .and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "market".to_owned());
        let market = Market::create_in(&self.dir, &self.name.unwrap_or(folder_name), self.storage.as_deref())?;
        let lake = context.lake_of(market).await?;
        let dir = lake.market().dir.display().to_string();
        print::line(&format!("made the market {:?} in {dir}", lake.market().config.name))?;
        if !context.global.quiet {
            print::line(&format!("next: crowsnest --market {dir} import FILE --source NAME"))?;
        }
        Ok(Done::Well)
    }
}
