//! What a command works with: the market that is meant, its lake, and the moment, language and form asked for.

use std::path::PathBuf;

use crowsnest_lake::questions::parse_as_of;
use crowsnest_lake::{Lake, LakeError, LakeOptions, Language, Market};

use crate::failure::Failure;
use crate::options::{Color, Format, Global};
use crate::print;
use crate::progress::{self, Bar};

/// The global options, with what follows from them.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) global: Global,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    /// The folder of the market: as named, or the nearest above with a `crowsnest.toml`.
    pub(crate) fn market_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.global.market {
            return Ok(dir.clone());
        }
        let here = std::env::current_dir().map_err(|error| {
            Failure::users(format!("the current folder cannot be read: {error}"), "name the market with --market DIR")
        })?;
        let nearest = here.ancestors().find(|dir| dir.join("crowsnest.toml").is_file());
        match nearest {
            Some(dir) => Ok(dir.to_owned()),
            None => Err(LakeError::NotAMarket(here).into()),
        }
    }

    pub(crate) fn market(&self) -> Result<Market, Failure> {
        Ok(Market::open(&self.market_dir()?)?)
    }

    pub(crate) async fn lake(&self) -> Result<Lake, Failure> {
        let lake = self.lake_of(self.market()?).await?;
        Ok(lake.at(self.as_of()?).await?)
    }

    pub(crate) async fn lake_of(&self, mut market: Market) -> Result<Lake, Failure> {
        if let Some(cluster) = &self.global.cluster {
            market.config.cluster = Some(cluster.clone()).filter(|address| !address.is_empty());
        }
        if let Some(rows) = self.global.cluster_from_rows {
            market.config.cluster_from_rows = rows;
        }
        let lake = Box::pin(Lake::open(market, self.engine())).await?;
        if lake.market().config.cluster.is_some() && print::is_error_terminal() && !self.global.quiet {
            tokio::spawn(progress::show_jobs(lake.clone()));
        }
        Ok(lake)
    }

    /// How much of the machine the engine may use.
    pub(crate) fn engine(&self) -> LakeOptions {
        let mut options = LakeOptions::default();
        if let Some(memory) = self.global.memory {
            options.memory_bytes = memory.bytes;
        }
        if let Some(threads) = self.global.threads {
            options.n_threads = threads.max(1);
        }
        options
    }

    /// The moment asked for, in microseconds.
    pub(crate) fn as_of(&self) -> Result<Option<i64>, Failure> {
        Ok(self.global.as_of.as_deref().map(parse_as_of).transpose()?)
    }

    pub(crate) fn language(&self) -> Option<Language> {
        self.global.language
    }

    pub(crate) fn format(&self) -> Format {
        self.global.format
    }

    pub(crate) fn is_table(&self) -> bool {
        self.global.format == Format::Table
    }

    /// A progress bar, which shows itself where standard error is a terminal.
    pub(crate) fn progress(&self) -> Bar {
        Bar::new(self.shows_progress())
    }

    /// Whether progress is shown: standard error is a terminal, and silence was not asked for.
    pub(crate) fn shows_progress(&self) -> bool {
        print::is_error_terminal() && !self.global.quiet
    }

    /// What is worth knowing besides the answer, unless silence was asked for.
    pub(crate) fn note(&self, text: &str) {
        if !self.global.quiet {
            print::note(text);
        }
    }

    pub(crate) fn is_colored(&self) -> bool {
        match self.global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => print::is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

/// The source that a person means: by its own name, an alias or the name of its file; as written where no file is of it.
pub(crate) fn source_name(lake: &Lake, name: String) -> String {
    lake.market().source_called(&name).map_or(name, |card| card.name.clone())
}

/// Who runs the command, for the audit log.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".into())
}
