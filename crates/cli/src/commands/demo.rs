//! `crowsnest demo`: the example market, built and served.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use crowsnest_detect::detect;
use crowsnest_detect::lists::Asked;
use crowsnest_detect::outcome::Task;
use crowsnest_lake::questions::{self, BreakoutsQuestion, OverviewQuestion};
use crowsnest_lake::{Lake, Market};
use crowsnest_model::Grain;
use crowsnest_run::{ReconcileRequest, RunReport};
use crowsnest_serve::ServeOptions;

use super::serve;
use crate::context::{self, Context};
use crate::example;
use crate::failure::{Done, Failure};
use crate::options::parse_address;
use crate::{number, print};

/// Build the example market of AI products and serve it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest demo
  crowsnest demo --once --market /tmp/ai

The market goes to ./crowsnest-demo unless --market or CROWSNEST_MARKET names another folder. Running it again adds
nothing twice.")]
pub(crate) struct Demo {
    /// Only build it and print a summary
    #[arg(long)]
    once: bool,
    /// Address and port to serve at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7171", value_parser = parse_address, conflicts_with = "once")]
    listen: SocketAddr,
    /// Open the pages in the browser
    #[arg(long, conflicts_with = "once")]
    open: bool,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let dir = context.global.market.clone().unwrap_or_else(|| PathBuf::from("crowsnest-demo"));
        let started = std::time::Instant::now();
        let done = tokio::select! {
            built = Box::pin(build(context, dir)) => built,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        };
        let (lake, outcome) = done?;
        print::line(&summary(&lake, started.elapsed().as_secs_f64()).await?)?;
        if self.once {
            return Ok(outcome);
        }
        // The example is everybody's, wherever it is shown; on this machine it is yours.
        let is_public = !self.listen.ip().is_loopback();
        let options =
            ServeOptions { listen: self.listen, is_public, owner: context::user(), ..ServeOptions::default() };
        serve::pages(lake, options, self.open).await
    }
}

async fn build(context: &Context, dir: PathBuf) -> Result<(Lake, Done), Failure> {
    let written = example::write_to(&dir)?;
    if written.n_differ > 0 {
        context.note(&format!(
            "{} files of {} differ from the example and were kept; empty the folder to begin anew",
            written.n_differ,
            dir.display()
        ));
    }
    let lake = context.lake_of(Market::open(&dir)?).await?;
    let progress = context.progress();
    let reports = Box::pin(crowsnest_run::import_market(&lake, &progress)).await?;
    progress.finish();
    lake.refresh().await?;
    let mut outcome = Done::Well;
    for report in &reports {
        print::line(&in_words(report))?;
        if report.import.files.iter().any(|file| !file.is_known_document && file.n_rejects > 0) {
            outcome = Done::WithRejects;
        }
    }
    figures_and_breakouts(context, &lake).await?;
    Ok((lake, outcome))
}

/// Makes figures of what is new, and looks once for what is about to break out.
async fn figures_and_breakouts(context: &Context, lake: &Lake) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    let request = ReconcileRequest { now: jiff::Timestamp::now().as_microsecond(), ..ReconcileRequest::default() };
    let reconciled = Box::pin(crowsnest_run::reconcile(lake, &request)).await?;
    if reconciled.n_added > 0 {
        let n_figures = number::count(reconciled.n_added as u64);
        print::line(&format!("reconciled: {n_figures} figures in {:.1} s", started.elapsed().as_secs_f64()))?;
    }
    let every = BreakoutsQuestion { limit: 1, ..BreakoutsQuestion::default() };
    if questions::breakouts(lake, &every).await?.rows.num_rows() > 0 {
        return Ok(());
    }
    let started = std::time::Instant::now();
    let monthly = Asked { metric: Some(DETECTED.to_owned()), grain: Some(Grain::Month), ..Asked::default() };
    let report = Box::pin(detect(lake, &monthly, Task::default())).await?;
    report.notes.iter().for_each(|note| context.note(note));
    print::line(&format!(
        "detected: {} signals on {} products of {} in {:.1} s",
        number::count(report.n_added as u64),
        number::count(report.n_products as u64),
        report.source,
        started.elapsed().as_secs_f64()
    ))
}

/// The example's metric with a list long enough to learn from.
const DETECTED: &str = "downloads_30d";

fn in_words(report: &RunReport) -> String {
    let import = &report.import;
    let names: Vec<&str> = import.files.iter().map(|file| file.file.rsplit('/').next().unwrap_or(&file.file)).collect();
    if import.files.iter().all(|file| file.is_known_document) {
        return format!("{}: imported before", names.join(", "));
    }
    let mut text = format!(
        "{}: {} claims and {} events added in {:.1} s",
        names.join(", "),
        number::count(import.n_added),
        number::count(import.n_events_added),
        import.seconds
    );
    if let Some(path) = &import.rejects_file {
        text.push_str(&format!("; {} records were rejected, see {}", number::count(import.n_rejects), path.display()));
    }
    text
}

async fn summary(lake: &Lake, seconds: f64) -> Result<String, Failure> {
    let answer = questions::overview(lake, &OverviewQuestion::default()).await?;
    let counts = &answer.facts["counts"];
    let n = |key: &str| number::count(counts[key].as_u64().unwrap_or_default());
    let market = lake.market();
    let title = market.title();
    Ok(format!(
        "{title}: {} claims and {} events on {} products and {} companies, from {} sources, in {} metrics; {seconds:.1} s\nthe market is in {}",
        n("n_claims"),
        n("n_events"),
        n("n_products"),
        n("n_companies"),
        n("n_sources"),
        n("n_metrics"),
        market.dir.display()
    ))
}
