//! Response curves as SVG, drawn on the server: the mean, the band that holds it with probability 0.9, what each period said, and
//! where one stands and is going.
//!
//! In: a channel of a report. Out: a [`CurveChart`] with every coordinate worked out, which `curve.html` places and escapes. The
//! numbers are in the tables beside it.

use crowsnest_lake::Language;

use crate::chart::{Tick, nice_step};
use crate::numbers;
use crate::plan_report::{CurvePoint, DataPoint};

// Edges of the plot in a drawing of 360 by 230, as `curve.html` has it.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 190.0;

/// A point of the history.
pub(crate) struct Dot {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) title: String,
}

/// A vertical line: present or planned spend.
pub(crate) struct Mark {
    pub(crate) x: String,
    pub(crate) label: String,
    /// Where its label stands, and from which end it is written.
    pub(crate) label_x: String,
    pub(crate) label_y: &'static str,
    pub(crate) anchor: &'static str,
    pub(crate) is_planned: bool,
}

/// A chart ready to be placed.
pub(crate) struct CurveChart {
    pub(crate) title: String,
    pub(crate) band: String,
    pub(crate) line: String,
    pub(crate) dots: Vec<Dot>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) x_ticks: Vec<Tick>,
    pub(crate) y_ticks: Vec<Tick>,
}

/// What is drawn.
pub(crate) struct Drawn<'a> {
    pub(crate) title: String,
    pub(crate) curve: &'a [CurvePoint],
    pub(crate) points: &'a [DataPoint],
    /// Label, spend, and whether it is the planned one.
    pub(crate) marks: &'a [(String, f64, bool)],
}

impl CurveChart {
    /// Draws; `None` where there is no curve.
    pub(crate) fn new(drawn: &Drawn<'_>, language: Language) -> Option<Self> {
        let curve: Vec<&CurvePoint> = drawn.curve.iter().filter(|point| is_finite(point)).collect();
        let most_spend = curve.last().map(|point| point.spend).filter(|most| *most > 0.0)?;
        let points: Vec<&DataPoint> = drawn
            .points
            .iter()
            .filter(|point| point.spend.is_finite() && point.outcome.is_finite() && point.spend <= most_spend)
            .collect();
        let highest = curve.iter().map(|point| point.q95).fold(0.0, f64::max);
        // Points scatter by all the noise of the outcome; the curve has to be seen among them.
        let high = points.iter().map(|point| point.outcome).fold(highest, f64::max).min(2.5 * highest.max(1e-12));
        let low = points.iter().map(|point| point.outcome).fold(0.0, f64::min).max(-0.8 * highest);
        let high = if high > low { high } else { low + 1.0 };
        let (x_step, y_step) = (nice_step(most_spend / 3.5), nice_step((high - low) / 4.0));
        let (low, high) = ((low / y_step).floor() * y_step, (high / y_step).ceil() * y_step);
        let x = |spend: f64| LEFT + spend / most_spend * (RIGHT - LEFT);
        let y = |outcome: f64| BOTTOM - (outcome.clamp(low, high) - low) / (high - low) * (BOTTOM - TOP);
        let path = |of: &dyn Fn(&CurvePoint) -> f64| -> Vec<String> {
            curve.iter().map(|point| format!("{:.1},{:.1}", x(point.spend), y(of(point)))).collect()
        };
        let (upper, mut lower) = (path(&|point| point.q95), path(&|point| point.q05));
        lower.reverse();
        let ticks = |from: f64, to: f64, step: f64| {
            let n = ((to - from) / step + 1e-9).floor() as usize;
            (0..=n).map(move |at| from + at as f64 * step)
        };
        Some(Self {
            title: drawn.title.clone(),
            band: format!("M{}L{}Z", upper.join("L"), lower.join("L")),
            line: format!("M{}", path(&|point| point.mean).join("L")),
            dots: points.iter().map(|point| dot(point, x(point.spend), y(point.outcome), language)).collect(),
            marks: drawn.marks.iter().enumerate().filter_map(|(at, own)| mark(at, own, most_spend, x(own.1))).collect(),
            x_ticks: ticks(0.0, most_spend, x_step)
                .map(|value| Tick { at: x(value), label: numbers::compact(value, language) })
                .collect(),
            y_ticks: ticks(low, high, y_step)
                .map(|value| Tick { at: y(value), label: numbers::compact(value, language) })
                .collect(),
        })
    }
}

fn is_finite(point: &CurvePoint) -> bool {
    [point.spend, point.mean, point.q05, point.q95].iter().all(|value| value.is_finite())
}

fn dot(point: &DataPoint, x: f64, y: f64, language: Language) -> Dot {
    let title = format!("{} → {}", numbers::compact(point.spend, language), numbers::compact(point.outcome, language));
    Dot { x: format!("{x:.1}"), y: format!("{y:.1}"), title }
}

fn mark(at: usize, (label, spend, is_planned): &(String, f64, bool), most: f64, x: f64) -> Option<Mark> {
    let is_right = x > 0.5 * (LEFT + RIGHT);
    (spend.is_finite() && *spend <= most).then(|| Mark {
        x: format!("{x:.1}"),
        label: label.clone(),
        label_x: format!("{:.1}", if is_right { x - 4.0 } else { x + 4.0 }),
        label_y: if at.is_multiple_of(2) { "20" } else { "34" },
        anchor: if is_right { "end" } else { "start" },
        is_planned: *is_planned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(spend: f64, mean: f64) -> CurvePoint {
        CurvePoint { spend, mean, q05: mean * 0.8, q95: mean * 1.2 }
    }

    #[test]
    fn curves_stay_in_their_frame_whatever_the_points_say() {
        let curve: Vec<CurvePoint> = (0..=10).map(|at| point(f64::from(at) * 100.0, f64::from(at) * 3.0)).collect();
        let points = [
            DataPoint { spend: 200.0, outcome: 5.0 },
            DataPoint { spend: 300.0, outcome: 1e9 },
            DataPoint { spend: 400.0, outcome: -1e9 },
            DataPoint { spend: 500.0, outcome: f64::NAN },
            DataPoint { spend: 1e12, outcome: 1.0 },
        ];
        let marks =
            [("now".to_owned(), 400.0, false), ("planned".to_owned(), 900.0, true), ("off".to_owned(), 5e3, true)];
        let drawn = Drawn { title: "tv".into(), curve: &curve, points: &points, marks: &marks };
        let chart = CurveChart::new(&drawn, Language::En).unwrap();
        assert_eq!((chart.dots.len(), chart.marks.len()), (3, 2));
        for dot in &chart.dots {
            let y: f64 = dot.y.parse().unwrap();
            assert!((TOP..=BOTTOM).contains(&y), "{y}");
        }
        assert!(chart.x_ticks.len() < 8 && chart.y_ticks.len() < 9);
        assert_eq!(chart.marks[1].anchor, "end");
        assert!(!chart.line.contains("NaN") && chart.band.ends_with('Z'));
    }

    #[test]
    fn nothing_is_no_chart() {
        let none = |curve: &[CurvePoint]| {
            CurveChart::new(&Drawn { title: String::new(), curve, points: &[], marks: &[] }, Language::En).is_none()
        };
        assert!(none(&[]) && none(&[point(0.0, 0.0)]));
        assert!(!none(&[point(0.0, 0.0), point(1.0, 0.0)]), "a channel that brings nothing is a flat line");
    }
}
