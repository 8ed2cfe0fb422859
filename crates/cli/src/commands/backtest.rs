//! `crowsnest backtest`: how often breakouts were called right in the past, beside plain baselines.

use clap::Args;
use crowsnest_detect::backtest::Told;
use crowsnest_detect::lists::Asked;
use crowsnest_detect::measures::Measures;
use crowsnest_detect::outcome::Task;
use crowsnest_detect::{BacktestReport, BacktestRequest, backtest, keep};
use crowsnest_lake::files;
use crowsnest_lake::own_rows::{self, Holds};

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::print;

/// Show how often breakouts would have been called right in the past, beside plain baselines
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest backtest
  crowsnest backtest --metric downloads_30d --grain month --from 2023-07 --to 2025-09
  crowsnest backtest --metric mau --horizon 3 --factor 2 --format json
  crowsnest backtest --keep --diagrams pictures

At each origin only what was known by the end of its period is looked at, and only outcomes that had settled by then are
learnt from. A hit is a product outside the list's top whose level, less the market's own movement, is at least --factor
times higher --horizon periods later: the median of three periods there against that of the origin and the period before.
A product that vanished is a miss.")]
pub(crate) struct Backtest {
    #[command(flatten)]
    list: ListOptions,
    /// First origin: a period [default: the last third of those whose outcome is known]
    #[arg(long, value_name = "PERIOD")]
    from: Option<String>,
    /// Last origin [default: the last whose outcome is known]
    #[arg(long, value_name = "PERIOD")]
    to: Option<String>,
    /// Keep the first fifty of each origin as calls by `backtest`, with what came of them, for `crowsnest record`
    #[arg(long)]
    keep: bool,
    /// Write the reliability diagram and the precision curve into this folder, as `reliability.svg` and `precision.svg`
    #[arg(long, value_name = "FOLDER")]
    diagrams: Option<std::path::PathBuf>,
}

/// Which list is meant, and what is asked of it.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Metric [default: that with the most claims on products]
    #[arg(long)]
    metric: Option<String>,
    /// Length of the periods: day, week, month, quarter, half or year [default: the list's own; month for snapshots]
    #[arg(long)]
    grain: Option<String>,
    /// Periods ahead
    #[arg(long, default_value_t = 6)]
    horizon: usize,
    /// How many times the level
    #[arg(long, default_value_t = 3.0)]
    factor: f64,
    /// Products at the top of the list that are no candidates
    #[arg(long, value_name = "N", default_value_t = 300)]
    top: usize,
    /// The source whose list is meant [default: that with the most claims]
    #[arg(long)]
    source: Option<String>,
    /// Its region
    #[arg(long)]
    region: Option<String>,
    /// Its platform
    #[arg(long)]
    platform: Option<String>,
    /// Its segment
    #[arg(long)]
    segment: Option<String>,
}

impl ListOptions {
    /// The list and the task, as the steps know them.
    pub(crate) fn asked(self, context: &Context, lake: &crowsnest_lake::Lake) -> Result<(Asked, Task), Failure> {
        let grain =
            self.grain.map(|grain| grain.parse()).transpose().map_err(|error: crowsnest_model::UnknownWord| {
                Failure::users(error.to_string(), "write day, week, month, quarter, half or year")
            })?;
        let asked = Asked {
            metric: self.metric,
            grain,
            source: self.source.map(|source| context::source_name(lake, source)),
            region: self.region,
            platform: self.platform,
            segment: self.segment,
            as_of: context.as_of()?,
        };
        Ok((asked, Task { horizon: self.horizon, factor: self.factor, n_top: self.top }))
    }
}

impl Backtest {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let (asked, task) = self.list.asked(context, &lake)?;
        let request = BacktestRequest { asked, task, from: self.from, to: self.to };
        let (list, found, report) = Box::pin(backtest(&lake, &request)).await?;
        if self.keep {
            let n_added = keep(&lake, &list, &found, task).await?;
            context.note(&format!("{} signals kept", number::count(n_added as u64)));
        }
        if let Some(folder) = &self.diagrams {
            files::create_folder(folder)?;
            files::write_whole(&folder.join("reliability.svg"), report.reliability_svg().as_bytes())?;
            files::write_whole(&folder.join("precision.svg"), report.precision_svg().as_bytes())?;
            context.note(&format!("diagrams written to {}", folder.display()));
        }
        report.notes.iter().for_each(|note| context.note(note));
        match context.format() {
            Format::Table => print::line(&print::clean(&in_words(&report)))?,
            Format::Json => print::line(&serde_json::to_string(&report).map_err(crowsnest_lake::LakeError::from)?)?,
            _ => context.print_encoded(&own_rows::answer(FIELDS, &report.origins)?)?,
        }
        Ok(Done::Well)
    }
}

const FIELDS: &[(&str, Holds)] = &[
    ("period", Holds::Text),
    ("n_candidates", Holds::Count),
    ("base_rate", Holds::Number),
    ("precision_at_50", Holds::Number),
    ("precision_at_200", Holds::Number),
    ("average_precision", Holds::Number),
    ("recall_at_1pct_false_alarms", Holds::Number),
    ("brier_skill", Holds::Number),
    ("ece", Holds::Number),
    ("median_lead_time", Holds::Number),
];

fn in_words(report: &BacktestReport) -> String {
    let mut lines = vec![
        format!(
            "{} by {}, {} to {}, {} origins, {} candidates",
            report.metric,
            report.source,
            report.from,
            report.to,
            report.n_origins,
            number::count(report.n_candidates as u64)
        ),
        format!(
            "hit: at least {} times the level {} {}s later, less the market; base rate {}",
            report.factor,
            report.horizon,
            report.grain,
            number::percent(report.measures.base_rate)
        ),
        String::new(),
        format!("{:21}{HEADINGS}", ""),
        line("breakout", &report.measures),
    ];
    lines.extend(report.baselines.iter().map(|(name, Told { measures, .. })| line(name, measures)));
    lines.extend([String::new(), "by the stricter label".to_owned(), line("breakout", &report.strict)]);
    lines.extend(report.baselines.iter().map(|(name, told)| line(name, &told.strict)));
    lines.extend([String::new(), format!("{:21}{HEADINGS}", "origin")]);
    lines.extend(report.origins.iter().map(|origin| line(&origin.period, &origin.measures)));
    lines.join("\n")
}

const HEADINGS: &str = "  at 50  at 200  avg.pr  recall  Brier skill     ECE  lead";

fn line(name: &str, measures: &Measures) -> String {
    let some = |number: Option<f64>| number.map_or("–".to_owned(), |number| format!("{number:.3}"));
    format!(
        "{name:21}{:7.3} {:7.3} {:7.3} {:7.3} {:>12} {:>7} {:>5}",
        measures.precision_at_50,
        measures.precision_at_200,
        measures.average_precision,
        measures.recall_at_1pct_false_alarms,
        some(measures.brier_skill),
        some(measures.ece),
        measures.median_lead_time.map_or("–".to_owned(), |time| time.to_string()),
    )
}
