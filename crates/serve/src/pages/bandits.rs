//! `/bandits`: who gets which share of day-to-day traffic, what came back, and how the shares moved over the last weeks.

use askama::Template;
use async_trait::async_trait;
use crowsnest_grow::bandit::{file, live::Live};
use crowsnest_grow::{ArmReport, BanditReport, bandit_report};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::bandits::BanditDay;
use crowsnest_lake::{Answer, Lake};
use serde::Serialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::plans::only_owner;
use crate::request::PageRequest;
use crate::words::{say, say_word};

pub(crate) struct Bandits;

const DAYS: i64 = 60;
const DAY_MICROS: i64 = 86_400_000_000;
// Edges of the plot in a drawing of 760 by 180, as `bandits.html` has it.
const WIDTH: f64 = 752.0;
const TOP: f64 = 8.0;
const HEIGHT: f64 = 140.0;

/// One arm on one day.
#[derive(Debug, Serialize)]
struct DayRow {
    bandit: String,
    day: String,
    arm: String,
    n_choices: i64,
    share: f64,
    n_rewards: i64,
    mean: Option<f64>,
}

const FIELDS: &[(&str, Holds)] = &[
    ("bandit", Holds::Text),
    ("day", Holds::Text),
    ("arm", Holds::Text),
    ("n_choices", Holds::Count),
    ("share", Holds::Number),
    ("n_rewards", Holds::Count),
    ("mean", Holds::Number),
];

struct ArmLine {
    arm: String,
    style: usize,
    share: String,
    n_choices: String,
    reward: String,
    interval: String,
    off: String,
}

struct Bar {
    x: String,
    y: String,
    height: String,
    style: usize,
    title: String,
}

struct BanditView {
    id: String,
    title: String,
    waiting: String,
    arms: Vec<ArmLine>,
    bars: Vec<Bar>,
    bar_width: String,
    first: String,
    last: String,
    fault: String,
}

#[async_trait]
impl Page for Bandits {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        only_owner(request)?;
        shares_by_day(&request.lake)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        only_owner(request)?;
        let page = Frame::new(request, say(request.language, "bandits.title"));
        let mut bandits = Vec::new();
        for name in names(&request.lake)? {
            bandits.push(view_of(request, &page, &name)?);
        }
        Ok(BanditsView { page: &page, bandits }.render()?)
    }
}

/// Choices, shares and rewards of each arm on each of the last days: what the page has as data, and the API.
///
/// # Errors
/// Where the market's folder or its state cannot be read.
pub(crate) fn shares_by_day(lake: &Lake) -> Result<Answer, ServeError> {
    let mut rows = Vec::new();
    for name in names(lake)? {
        rows.extend(day_rows(&name, &days(lake, &name)?));
    }
    Ok(own_rows::answer(FIELDS, &rows)?)
}

/// Those with a file, and those whose file is gone and whose log is there.
fn names(lake: &Lake) -> Result<Vec<String>, ServeError> {
    let mut names = file::names(&lake.market().dir)?;
    names.extend(lake.state().bandits_logged()?);
    names.sort();
    names.dedup();
    Ok(names)
}

fn days(lake: &Lake, name: &str) -> Result<Vec<BanditDay>, ServeError> {
    let since = jiff::Timestamp::now().as_microsecond() - DAYS * DAY_MICROS;
    Ok(lake.state().bandit_days(name, since)?)
}

fn day_rows(name: &str, days: &[BanditDay]) -> Vec<DayRow> {
    let all = |day: &str| days.iter().filter(|own| own.day == day).map(|own| own.n_choices).sum::<i64>().max(1);
    days.iter()
        .map(|own| DayRow {
            bandit: name.to_owned(),
            day: own.day.clone(),
            arm: own.arm.clone(),
            n_choices: own.n_choices,
            share: own.n_choices as f64 / all(&own.day) as f64,
            n_rewards: own.n_rewards,
            mean: (own.n_rewards > 0).then(|| own.reward / own.n_rewards as f64),
        })
        .collect()
}

fn view_of(request: &PageRequest, page: &Frame, name: &str) -> Result<BanditView, ServeError> {
    let rows = day_rows(name, &days(&request.lake, name)?);
    let restored = file::read(&request.lake.market().dir, name)
        .and_then(|parsed| Live::restore(&request.lake, name, parsed))
        .map(|live| bandit_report(name, &live));
    let (report, fault) = match restored {
        Ok(report) => (Some(report), String::new()),
        // A file that is wrong is told of on its own page, and takes no other bandit's place.
        Err(error) => (None, error.to_string()),
    };
    let mut arms: Vec<String> = report.iter().flat_map(|own| own.arms.iter().map(|arm| arm.arm.clone())).collect();
    for row in &rows {
        if !arms.contains(&row.arm) {
            arms.push(row.arm.clone());
        }
    }
    let mut told: Vec<&str> = rows.iter().map(|row| row.day.as_str()).collect();
    told.dedup();
    let day = |at: Option<&&str>| at.map(|day| numbers::period(day, page.language())).unwrap_or_default();
    let bar_width = (WIDTH / told.len().max(1) as f64).min(48.0);
    Ok(BanditView {
        id: name.to_owned(),
        title: report.as_ref().map_or_else(|| name.to_owned(), |own| own.title.clone()),
        waiting: report.as_ref().map(|own| numbers::count(own.n_waiting as i64)).unwrap_or_default(),
        arms: report.iter().flat_map(|own| arm_lines(own, &arms, page)).collect(),
        bars: bars(&rows, &told, &arms, bar_width),
        bar_width: format!("{:.1}", bar_width * 0.86),
        first: day(told.first()),
        last: if told.len() > 1 { day(told.last()) } else { String::new() },
        fault,
    })
}

fn arm_lines(report: &BanditReport, arms: &[String], page: &Frame) -> Vec<ArmLine> {
    let line = |own: &ArmReport| ArmLine {
        style: arms.iter().position(|arm| *arm == own.arm).unwrap_or_default() % crate::chart::N_STYLES,
        arm: own.arm.clone(),
        share: numbers::percent(own.share),
        n_choices: numbers::count(i64::try_from(own.n_choices).unwrap_or(i64::MAX)),
        reward: if own.n_rewards > 0.0 { format!("{:.4}", own.mean) } else { String::new() },
        interval: format!("{:.4} – {:.4}", own.low, own.high),
        off: own.off_because.as_ref().map(|why| say_word(page.language(), "bandits.off", why)).unwrap_or_default(),
    };
    report.arms.iter().map(line).collect()
}

/// A bar a day, cut into the shares of arms.
fn bars(rows: &[DayRow], days: &[&str], arms: &[String], width: f64) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (at, day) in days.iter().enumerate() {
        let mut y = TOP;
        for (place, arm) in arms.iter().enumerate() {
            let Some(row) = rows.iter().find(|row| row.day == *day && row.arm == *arm && row.n_choices > 0) else {
                continue;
            };
            bars.push(Bar {
                x: format!("{:.1}", 4.0 + at as f64 * width),
                y: format!("{y:.1}"),
                height: format!("{:.1}", row.share * HEIGHT),
                style: place % crate::chart::N_STYLES,
                title: format!("{day} · {arm}: {} ({})", numbers::percent(row.share), numbers::count(row.n_choices)),
            });
            y += row.share * HEIGHT;
        }
    }
    bars
}

#[derive(Template)]
#[template(path = "bandits.html")]
struct BanditsView<'a> {
    page: &'a Frame,
    bandits: Vec<BanditView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_a_day_add_up_to_its_height() {
        let day = |day: &str, arm: &str, n_choices: i64| BanditDay {
            day: day.into(),
            arm: arm.into(),
            n_choices,
            reward: 1.0,
            n_rewards: i64::from(n_choices > 0) * 2,
        };
        let days = [day("2026-01-01", "a", 3), day("2026-01-01", "b", 1), day("2026-01-02", "b", 0)];
        let rows = day_rows("home", &days);
        assert_eq!((rows[0].share, rows[2].mean, rows[0].mean), (0.75, None, Some(0.5)));
        let drawn = bars(&rows, &["2026-01-01", "2026-01-02"], &["a".to_owned(), "b".to_owned()], 40.0);
        let heights: f64 = drawn.iter().map(|bar| bar.height.parse::<f64>().unwrap()).sum();
        assert_eq!((drawn.len(), heights), (2, HEIGHT));
    }
}
