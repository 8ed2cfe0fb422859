//! Detection by itself, for the bars of `bars/detecting.py`: a million made-up series scored, worlds without a signal, breaks
//! of a whole market, forecasts of a market's series, and the coefficients of the prior. Prints JSON.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand};
use crowsnest_detect::anomaly::anomalies;
use crowsnest_detect::change_point::change_points;
use crowsnest_detect::detecting::Detection;
use crowsnest_detect::forecaster::Forecaster;
use crowsnest_detect::history::{History, Said};
use crowsnest_detect::lists::{self, Asked, List, ListKey};
use crowsnest_detect::logistic::Logistic;
use crowsnest_detect::outcome::Task;
use crowsnest_detect::panel::Panel;
use crowsnest_detect::walk::Walk;
use crowsnest_detect::{backtest, prior};
use crowsnest_lake::{Lake, LakeOptions, Market};
use crowsnest_learn::random::Random;
use crowsnest_model::{Grain, Period};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Score made-up series, and one more period of them.
    Scale {
        #[arg(long, default_value_t = 1_000_000)]
        series: usize,
        #[arg(long, default_value_t = 60)]
        periods: usize,
        /// Write so many of the series into this file, a line each, for the peers.
        #[arg(long)]
        sample: Option<PathBuf>,
        #[arg(long, default_value_t = 1000)]
        sample_size: usize,
    },
    /// Backtest a world that moves as a market's list does, and in which nothing can be known.
    Noise {
        #[arg(long)]
        market: PathBuf,
        #[arg(long, default_value_t = 6000)]
        series: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Break a market's list as a whole, and count who is flagged for it.
    Breaks {
        #[arg(long)]
        market: PathBuf,
        #[arg(long, default_value_t = 3.3)]
        factor: f64,
    },
    /// Forecast series of a market's list from some periods before its end; writes what the peers need.
    Forecasts {
        #[arg(long)]
        market: PathBuf,
        #[arg(long)]
        out: PathBuf,
        #[arg(long, default_value_t = 5000)]
        series: usize,
        #[arg(long, default_value_t = 6)]
        horizon: usize,
        /// Periods that are held back.
        #[arg(long, default_value_t = 6)]
        back: usize,
    },
    /// The coefficients of the prior, learnt from a market's list as it was known at the end of a period.
    Prior {
        #[arg(long)]
        market: PathBuf,
        /// The last period that is known: backtests of the same list from the next on have not been looked at.
        #[arg(long, default_value = "2023-06")]
        known: String,
    },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = match Arguments::parse().what {
        What::Scale { series, periods, sample, sample_size } => scale(series, periods, sample, sample_size)?,
        What::Noise { market, series, seed } => noise(&list(market).await?, series, seed),
        What::Breaks { market, factor } => breaks(&list(market).await?, factor),
        What::Forecasts { market, out, series, horizon, back } => {
            forecasts(&list(market).await?, &out, series, horizon, back)?
        }
        What::Prior { market, known } => prior_of(&list(market).await?, &known),
    };
    report(&found);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn report(found: &Value) {
    match found {
        Value::String(text) => println!("{text}"),
        other => println!("{other}"),
    }
}

/// The list with the most claims of a market.
async fn list(folder: PathBuf) -> Result<List, Box<dyn std::error::Error>> {
    let lake = Lake::open(Market::open(&folder)?, LakeOptions::default()).await?;
    Ok(lists::read(&lake, &Asked::default()).await?)
}

/// Months from 2020-01 on.
fn months(n: usize) -> Vec<Period> {
    let mut periods = vec![Period::containing(18_262, Grain::Month)];
    while periods.len() < n {
        let Some(next) = periods[periods.len() - 1].next() else { break };
        periods.push(next);
    }
    periods
}

fn made_list(names: Vec<String>, periods: Vec<Period>, said: Vec<Vec<Said>>) -> List {
    let n = names.len() as i64;
    let last_known_at = i64::from(periods[periods.len() - 1].end_day()) * 86_400_000_000 - 1;
    let key = ListKey {
        metric: "downloads".to_owned(),
        source: "made up".to_owned(),
        region: "global".to_owned(),
        platform: "all".to_owned(),
        segment: "all".to_owned(),
        grain: "month".to_owned(),
        n_claims: 0,
        n_periods: periods.len() as i64,
        first_day: periods[0].start_day(),
        last_day: periods[periods.len() - 1].start_day(),
    };
    let history = History { names, periods, said, n_left_out: 0, last_known_at };
    List { key, grain: Grain::Month, history, entities: (0..n).collect(), mentions: (0..n).collect() }
}

/// Levels of a product: a walk with its own liveliness, now and then a rise over half a year, now and then a spike.
fn walk(series: usize, periods: usize) -> Vec<f32> {
    let mut random = Random::new(series as u64 * 7 + 1);
    let liveliness = 0.03 * (1.2 * random.normal()).exp();
    let (mut level, mut rising) = (6.0 + 2.0 * random.normal(), 0);
    let born = if random.share() < 0.3 { random.below(periods) } else { 0 };
    (0..periods)
        .map(|t| {
            if random.share() < 0.005 {
                rising = 6;
            }
            level += liveliness * random.normal() + if rising > 0 { 0.25 } else { 0.0 };
            rising -= i32::from(rising > 0);
            let spike = if random.share() < 0.01 { 1.0 } else { 0.0 };
            if t < born { f32::NAN } else { (level + spike) as f32 }
        })
        .collect()
}

fn scale(
    n_series: usize,
    n_periods: usize,
    sample: Option<PathBuf>,
    sample_size: usize,
) -> Result<Value, Box<dyn std::error::Error>> {
    let mut said: Vec<Vec<Said>> = (0..=n_periods).map(|_| Vec::with_capacity(n_series)).collect();
    let mut lines = String::new();
    for series in 0..n_series {
        let levels = walk(series, n_periods + 1);
        let known = levels.iter().enumerate().filter(|(_, level)| level.is_finite());
        known.for_each(|(t, level)| {
            said[t].push(Said { series: series as u32, period: t as u32, level: *level });
        });
        if series.is_multiple_of((n_series / sample_size.max(1)).max(1)) {
            let numbers: Vec<String> = levels.iter().take(n_periods).map(|level| level.exp().to_string()).collect();
            lines.push_str(&numbers.join(","));
            lines.push('\n');
        }
    }
    if let Some(path) = sample {
        crowsnest_lake::files::write_whole(&path, lines.as_bytes())?;
    }
    let names: Vec<String> = (0..n_series).map(|n| format!("maker{}-kind{}-{n}", n / 12, n % 997)).collect();
    let next = said.pop().unwrap_or_default();
    let list = made_list(names, months(n_periods), said);
    let task = Task::default();
    let started = Instant::now();
    let Some(detection) = Detection::new(&list, task) else { return Err("no periods".into()) };
    let fitted = started.elapsed().as_secs_f64();
    let n_signals: usize = (0..detection.n_lots()).map(|lot| detection.lot_without_forecasts(lot).len()).sum();
    let full = started.elapsed().as_secs_f64();
    let n_forecasts: usize = (0..detection.n_lots()).map(|lot| detection.lot(lot).len()).sum::<usize>() - n_signals;
    let with_forecasts = started.elapsed().as_secs_f64() - full;
    let (model, learnt_in) = (detection.kept().1.again(), detection.kept().2);
    let Some(model) = model else { return Err("the model could not be kept".into()) };
    let mut panel = detection.into_panel();
    let longer = made_list(list.history.names.clone(), months(n_periods + 1), Vec::new());
    drop(list);
    let started = Instant::now();
    panel.take(&next);
    let resumed = Detection::resume(&longer, task, panel, model, learnt_in);
    let n_more: usize = (0..resumed.n_lots()).map(|lot| resumed.lot_without_forecasts(lot).len()).sum();
    let increment = started.elapsed().as_secs_f64();
    Ok(json!({
        "series": n_series, "periods": n_periods, "fit_and_score_seconds": fitted, "seconds": full,
        "signals": n_signals, "forecasts": n_forecasts, "seconds_of_lots_with_forecasts": with_forecasts,
        "increment_seconds": increment, "increment_signals": n_more,
    }))
}

/// The changes of a panel from one period to the next, less the market, over all products.
fn steps(panel: &Panel) -> Vec<f32> {
    let of = |t: usize| (0..panel.n_series()).map(move |series| panel.at(series, t) - panel.at(series, t - 1));
    (1..panel.n_periods()).flat_map(of).filter(|step| step.is_finite()).collect()
}

/// Random walks of steps as the list has them, drawn by chance: what a product did says nothing of what it will do.
fn noise(list: &List, n_series: usize, seed: u64) -> Value {
    let n_periods = list.history.periods.len();
    let steps = steps(&Panel::as_of(&list.history, n_periods - 1));
    let mut random = Random::new(seed);
    let mut said: Vec<Vec<Said>> = vec![Vec::new(); n_periods];
    for series in 0..n_series as u32 {
        let mut level = 10.0 + 2.0 * random.normal() as f32;
        for (t, said) in said.iter_mut().enumerate() {
            level += steps[random.below(steps.len())];
            said.push(Said { series, period: t as u32, level });
        }
    }
    let names = (0..n_series).map(|n| format!("maker{}-thing-{n}", n / 8)).collect();
    let made = made_list(names, list.history.periods.clone(), said);
    let (from, to) = (n_periods - 20, n_periods - 8);
    let result = backtest::run(&made.history, Task::default(), from, to);
    let told = result.rankings[0].told(6);
    let all = result.rankings[0].origins.concat();
    let probabilities: Vec<f64> = all.iter().filter_map(|one| one.probability).collect();
    let base = told.measures.base_rate;
    let mean = probabilities.iter().sum::<f64>() / probabilities.len().max(1) as f64;
    let most = probabilities.iter().copied().fold(0.0, f64::max);
    json!({
        "base_rate": base, "mean_said": mean, "most_said": most, "ece": told.measures.ece,
        "brier_skill": told.measures.brier_skill, "candidates": all.len(),
        "said_over_twice_base": probabilities.iter().filter(|p| **p > 2.0 * base).count() as f64 / all.len().max(1) as f64,
    })
}

/// The list with a break of the whole market in it, beside the list as it is: who is flagged in the periods around the break,
/// and was not before.
fn breaks(list: &List, factor: f64) -> Value {
    let last = list.history.periods.len() - 1;
    let at = last - 6;
    let mut broken = list.history.clone();
    for said in broken.said.iter_mut().flatten().filter(|said| said.period as usize >= at) {
        said.level += factor.ln() as f32;
    }
    let (plain, broken) = (Panel::as_of(&list.history, last), Panel::as_of(&broken, last));
    let flagged = |panel: &Panel, series: usize| {
        let adjusted: Vec<f32> = (0..=last).map(|t| panel.at(series, t)).collect();
        let raw: Vec<f32> = (0..=last).map(|t| panel.levels(t)[series]).collect();
        let near = |place: usize| place.abs_diff(at) <= 1;
        change_points(&adjusted).iter().any(|change| near(change.at))
            || anomalies(&adjusted, &raw, &[]).iter().any(|one| near(one.at))
    };
    let listed: Vec<usize> = (0..plain.n_series()).filter(|series| plain.has(*series, at)).collect();
    let n_because = listed.iter().filter(|series| flagged(&broken, **series) && !flagged(&plain, **series)).count();
    let n_plain = listed.iter().filter(|series| flagged(&plain, **series)).count();
    let task = Task::default();
    let origin = at - 4;
    let candidates = task.candidates(&plain, origin);
    let hits = |panel: &Panel| candidates.iter().filter(|one| task.is_hit(panel, **one as usize, origin)).count();
    json!({
        "products": listed.len(), "factor": factor, "flagged_because_of_it": n_because as f64 / listed.len() as f64,
        "flagged_without_it": n_plain as f64 / listed.len() as f64, "hits_without": hits(&plain), "hits_with": hits(&broken),
    })
}

/// Series of a list up to some periods before its end with what came then, and our forecasts.
fn forecasts(
    list: &List,
    out: &std::path::Path,
    n_series: usize,
    horizon: usize,
    back: usize,
) -> Result<Value, Box<dyn std::error::Error>> {
    const POINTS_MIN: usize = 24;
    const POINTS_MAX: usize = 156;
    let last = list.history.periods.len() - 1;
    let origin = last - back.max(horizon);
    let (known, all) = (Panel::as_of(&list.history, origin), Panel::as_of(&list.history, last));
    let from = (origin + 1).saturating_sub(POINTS_MAX);
    let is_there = |series: &usize| {
        let n = (from..=origin).filter(|t| known.has(*series, *t)).count();
        let has_future = (origin + 1..=origin + horizon).all(|t| all.has(*series, t));
        known.has(*series, origin) && n >= POINTS_MIN && has_future
    };
    let there: Vec<usize> = (0..known.n_series()).filter(is_there).collect();
    let mut random = Random::new(17);
    let mut chosen: Vec<usize> =
        random.choose(n_series.min(there.len()), there.len()).iter().map(|place| there[*place as usize]).collect();
    chosen.sort_unstable();
    let started = Instant::now();
    let forecaster = Forecaster::learn(&known, horizon);
    let learnt = started.elapsed().as_secs_f64();
    let numbers = |numbers: Vec<f32>| numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    let mut lines = String::from("series;known;came;median;low;high\n");
    let (mut n_said, mut seconds) = (0, 0.0);
    for series in &chosen {
        let adjusted: Vec<f32> = (from..=origin).map(|t| known.at(*series, t)).collect();
        let started = Instant::now();
        let said = forecaster.forecast(&adjusted);
        seconds += started.elapsed().as_secs_f64();
        let Some(said) = said else { continue };
        n_said += 1;
        let raw = (from..=origin).map(|t| known.levels(t)[*series].exp()).collect();
        let came = (origin + 1..=origin + horizon).map(|t| all.levels(t)[*series].exp()).collect();
        let [median, low, high] = [0, 1, 2].map(|which: usize| {
            said.iter().map(|ahead| [ahead.median, ahead.low, ahead.high][which].exp()).collect::<Vec<f32>>()
        });
        let cells = [numbers(raw), numbers(came), numbers(median), numbers(low), numbers(high)];
        lines.push_str(&format!("{series};{}\n", cells.join(";")));
    }
    crowsnest_lake::files::write_whole(out, lines.as_bytes())?;
    Ok(json!({
        "origin": list.history.periods[origin].to_string(), "series": n_said, "learning_seconds": learnt,
        "seconds_on_one_core": seconds, "points": origin + 1 - from,
    }))
}

/// The prior's coefficients as the file has them.
fn prior_of(list: &List, known: &str) -> Value {
    const FIRST: usize = 12;
    const EVERY: usize = 4;
    let mut walk = Walk::new(&list.history, Task::default());
    let last = list.history.periods.iter().position(|period| period.to_string() == known);
    (0..=last.unwrap_or(list.history.periods.len() - 1)).for_each(|_| walk.advance());
    let (mut rows, mut came) = (Vec::new(), Vec::new());
    for (origin, hits) in walk.origins.iter().zip(&walk.hits).skip(FIRST) {
        for (place, series) in origin.candidates.iter().enumerate().step_by(EVERY) {
            rows.push(prior::numbers(origin.row(place)));
            came.push(hits[*series as usize]);
        }
    }
    let mut numbers = Vec::new();
    Logistic::fit(&rows, &came).write(&mut numbers);
    let n = prior::NUMBERS.len();
    let mut text = String::from("name,mean,deviation,weight\n");
    for (place, name) in prior::NUMBERS.iter().enumerate() {
        let at = |part: usize| numbers[1 + part * n + place];
        text.push_str(&format!("{name},{:.6},{:.6},{:.6}\n", at(0), at(1), at(2)));
    }
    text.push_str(&format!("shift,0,1,{:.6}", numbers[1 + 3 * n]));
    Value::String(text)
}
