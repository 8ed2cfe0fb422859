//! `crowsnest reconcile`: what sources say of the same thing as one figure with an interval; and how good figures are.

use std::path::PathBuf;

use clap::Args;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_reconcile::evaluate::{EvaluateRequest, Evaluation, evaluate};
use crowsnest_run::{ReconcileRequest, Reconciled, Worth};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::print;

/// Make one figure with an interval of what sources say, or judge how good such figures are
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest reconcile
  crowsnest reconcile --metric mau
  crowsnest reconcile --as-of 2025-02-01
  crowsnest reconcile --worth --metric mau
  crowsnest reconcile --evaluate world/
  crowsnest reconcile --evaluate world/ --format json

Figures go into the table figures; see them with `crowsnest why` and `crowsnest sql 'SELECT * FROM figures_in_force'`. Only
metrics on which something new is known are looked at; --all is for after names were brought together.

The folder to evaluate holds claims.csv (subject, metric, period, source, value, said_on, and if there are any unit, region,
platform, segment, status) and, where the truth is known, truth.csv (subject, metric, period, value). Without it, each source's
claims are hidden in turn and told from the others. Errors are medians of absolute natural logarithms of figure over truth.")]
pub(crate) struct Reconcile {
    /// Folder with claims.csv and truth.csv, to judge figures by; nothing is written
    #[arg(long, value_name = "DIR", conflicts_with_all = ["metric", "all", "worth"])]
    evaluate: Option<PathBuf>,
    /// Only this metric
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
    /// What each source is worth: found nowhere else, days ahead, bias, noise, and figures without it; nothing is written
    #[arg(long)]
    worth: bool,
    /// Also metrics on which nothing new is known
    #[arg(long)]
    all: bool,
}

impl Reconcile {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        if let Some(folder) = self.evaluate {
            let evaluation = evaluate(&EvaluateRequest { folder })?;
            tell_evaluation(context, &evaluation)?;
            return Ok(if evaluation.n_rejects > 0 { Done::WithRejects } else { Done::Well });
        }
        let lake = context.lake().await?;
        let request = ReconcileRequest {
            metric: self.metric,
            as_of: context.as_of()?,
            is_whole: self.all,
            now: jiff::Timestamp::now().as_microsecond(),
        };
        if self.worth {
            let worth = Box::pin(crowsnest_run::worth(&lake, &request)).await?;
            return tell_worth(context, &worth).map(|()| Done::Well);
        }
        let done = Box::pin(crowsnest_run::reconcile(&lake, &request)).await?;
        tell(context, &done)?;
        Ok(Done::Well)
    }
}

const FIELDS: &[(&str, Holds)] = &[
    ("metric", Holds::Text),
    ("n_claims", Holds::Count),
    ("n_not_positive", Holds::Count),
    ("n_sources", Holds::Count),
    ("n_figures", Holds::Count),
    ("n_added", Holds::Count),
    ("n_withdrawn", Holds::Count),
    ("is_partial", Holds::Flag),
    ("is_scale_pinned", Holds::Flag),
];

fn tell(context: &Context, done: &Reconciled) -> Result<(), Failure> {
    match context.format() {
        Format::Json => return json(done),
        Format::Table => {}
        _ => return context.print_encoded(&own_rows::answer(FIELDS, &done.metrics)?),
    }
    for metric in &done.metrics {
        let scale = if metric.is_scale_pinned { "" } else { "; nothing official pins the scale" };
        print::line(&print::clean(&format!(
            "{}: {} claims{} of {} sources, {} figures, {} of them new or moved{scale}",
            metric.metric,
            number::count(metric.n_claims as u64),
            if metric.is_partial { " on what was spoken of since" } else { "" },
            metric.n_sources,
            number::count(metric.n_figures as u64),
            number::count(metric.n_added as u64),
        )))?;
        if metric.n_withdrawn > 0 {
            print::line(&format!(
                "  {} figures that nothing tells of any more",
                number::count(metric.n_withdrawn as u64)
            ))?;
        }
        if metric.n_not_positive > 0 {
            print::line(&format!(
                "  {} values of zero or below are left out",
                number::count(metric.n_not_positive as u64)
            ))?;
        }
        for told in metric.breaks.iter().chain(&metric.copies).chain(&metric.lags) {
            print::line(&print::clean(&format!("  {told}")))?;
        }
    }
    print::line(&format!(
        "{} figures added, {} as they were, {} metrics without news",
        number::count(done.n_added as u64),
        number::count(done.n_unchanged as u64),
        done.n_skipped
    ))
}

const WORTH: &[(&str, Holds)] = &[
    ("source", Holds::Text),
    ("metric", Holds::Text),
    ("n_claims", Holds::Count),
    ("only_share", Holds::Number),
    ("days_ahead", Holds::Number),
    ("bias", Holds::Number),
    ("noise", Holds::Number),
    ("figures_lost", Holds::Number),
    ("own_lost", Holds::Number),
    ("wider_without", Holds::Number),
    ("moved_without", Holds::Number),
    ("price", Holds::Text),
    ("price_per_figure", Holds::Number),
    ("recommendation", Holds::Text),
];

fn tell_worth(context: &Context, worth: &[Worth]) -> Result<(), Failure> {
    match context.format() {
        Format::Json => return json(&worth),
        Format::Table => {}
        _ => return context.print_encoded(&own_rows::answer(WORTH, worth)?),
    }
    for one in worth {
        let ahead = one.days_ahead.map_or("alone".to_owned(), |days| format!("{days:.0} days ahead"));
        print::line(&print::clean(&format!(
            "{}, {}: {} claims, {} found nowhere else, {ahead}, counts ×{:.2}, noise {}\n  {}",
            one.source,
            one.metric,
            number::count(one.n_claims as u64),
            number::percent(one.only_share),
            one.bias,
            number::percent(one.noise),
            one.recommendation
        )))?;
    }
    Ok(())
}

const JUDGED: &[(&str, Holds)] = &[
    ("against", Holds::Text),
    ("error", Holds::Number),
    ("error_best_source", Holds::Number),
    ("best_source", Holds::Text),
    ("error_median_of_sources", Holds::Number),
    ("error_but_for_scale", Holds::Number),
    ("coverage_50", Holds::Number),
    ("coverage_80", Holds::Number),
    ("coverage_95", Holds::Number),
    ("is_scale_pinned", Holds::Flag),
    ("n_claims", Holds::Count),
    ("n_figures", Holds::Count),
    ("n_judged", Holds::Count),
    ("n_without_figure", Holds::Count),
    ("n_rejects", Holds::Count),
    ("seconds", Holds::Number),
];

fn tell_evaluation(context: &Context, evaluation: &Evaluation) -> Result<(), Failure> {
    evaluation.notes.iter().for_each(|note| context.note(note));
    match context.format() {
        Format::Table => print::line(&print::clean(&in_words(evaluation))),
        Format::Json => json(evaluation),
        _ => context.print_encoded(&own_rows::answer(JUDGED, std::slice::from_ref(evaluation))?),
    }
}

fn json<T: serde::Serialize>(told: &T) -> Result<(), Failure> {
    print::line(&serde_json::to_string(told).map_err(crowsnest_lake::LakeError::from)?)
}

fn in_words(evaluation: &Evaluation) -> String {
    let error = |value: Option<f64>| value.map_or("not known".to_owned(), |value| format!("{value:.4}"));
    let share = |value: Option<f64>| value.map_or("not known".to_owned(), number::percent);
    let best = evaluation.best_source.as_deref().unwrap_or("none");
    let mut lines = vec![
        format!("held against      {}: {}", evaluation.against, number::count(evaluation.n_judged as u64)),
        format!("error             {}", error(evaluation.error)),
        format!("  best source     {} ({best})", error(evaluation.error_best_source)),
        format!("  their median    {}", error(evaluation.error_median_of_sources)),
        format!("  but for scale   {}", error(evaluation.error_but_for_scale)),
        format!("50 % intervals    hold in {}", share(evaluation.coverage_50)),
        format!("80 % intervals    hold in {}", share(evaluation.coverage_80)),
        format!("95 % intervals    hold in {}", share(evaluation.coverage_95)),
        String::new(),
        "source, metric    counts, noise, always, wild, days late".to_owned(),
    ];
    for found in &evaluation.sources {
        lines.push(format!(
            "{}, {}: ×{:.2}, {}, {}, {}, {:.0}",
            found.source,
            found.metric,
            found.bias,
            number::percent(found.noise),
            number::percent(found.always),
            number::percent(found.wild_share),
            found.lag_days
        ));
    }
    for told in &evaluation.breaks {
        lines
            .push(format!("break: {} counts {} ×{:.3} from {} on", told.source, told.metric, told.factor, told.period));
    }
    for told in &evaluation.copies {
        let correlation = number::percent(told.correlation);
        lines.push(format!(
            "copy: {} repeats {} on {}, errors go together by {correlation}",
            told.source, told.of, told.metric
        ));
    }
    for hidden in &evaluation.hidden {
        lines.push(format!(
            "hidden: {} told {} times, error {:.4}, 80 % hold in {}, 95 % in {}",
            hidden.source,
            hidden.n,
            hidden.error,
            number::percent(hidden.coverage_80),
            number::percent(hidden.coverage_95)
        ));
    }
    lines.push(format!("took              {:.1} s", evaluation.seconds));
    lines.join("\n")
}
