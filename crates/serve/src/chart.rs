//! Charts as SVG, drawn on the server: they work without JavaScript, and carry the same points as JSON for the script
//! that takes over.
//!
//! In: lines of claims, and the band of reconciled figures around them. Out: a [`LineChart`] with every coordinate worked out, which `line_chart.svg` places and
//! escapes. Each source is a line of its own, told apart by colour (Okabe & Ito 2008, safe for colour-blind eyes),
//! dash and symbol alike. Restated values stay visible as hollow points; ranges stand as bars.

use crowsnest_lake::Language;
use jiff::civil::Date;
use serde::Serialize;

use crate::chart_file::ChartLinks;
use crate::frame::Frame;
use crate::numbers;

// Edges of the plot in a drawing of 760 by 260, as `line_chart.html` has it.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 744.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 230.0;

/// Lines beyond this share a style with an earlier one.
pub(crate) const N_STYLES: usize = 8;

/// One claim in a chart; also what the script gets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartPoint {
    /// Days since 1970-01-01: the middle of the period.
    pub(crate) day: f64,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// The figure in words of the language.
    pub(crate) figure: String,
    pub(crate) period: String,
    pub(crate) status: String,
    pub(crate) known: String,
    pub(crate) written: String,
    pub(crate) claim: String,
    pub(crate) link: String,
    pub(crate) in_force: bool,
}

/// The claims of one source in one scope and grain.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ChartLine {
    pub(crate) label: String,
    pub(crate) points: Vec<ChartPoint>,
}

/// A reconciled figure in a chart: its value and the ends of its intervals, from the lowest of 95 % to the highest.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BandPoint {
    /// Days since 1970-01-01: the middle of the period.
    pub(crate) day: f64,
    pub(crate) value: f64,
    pub(crate) ends: [f64; 6],
    pub(crate) period: String,
    /// The figure and its 80 % interval in words of the language.
    pub(crate) figure: String,
    pub(crate) reason: String,
    pub(crate) link: String,
}

/// What a chart is drawn from; also what the script gets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartData {
    pub(crate) metric: String,
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) language: &'static str,
    pub(crate) lower_is_better: bool,
    /// Whether equal distances are equal factors; values that are not above zero have no place then.
    pub(crate) is_log: bool,
    pub(crate) lines: Vec<ChartLine>,
    /// Reconciled figures, oldest first.
    pub(crate) band: Vec<BandPoint>,
    /// Words of the tooltip.
    pub(crate) words: ChartWords,
}

/// What the script says in tooltips.
#[derive(Debug, Serialize)]
pub(crate) struct ChartWords {
    pub(crate) known: String,
    pub(crate) restated: String,
    pub(crate) written: String,
    pub(crate) open: String,
    pub(crate) reconciled: String,
}

impl ChartWords {
    pub(crate) fn new(page: &Frame) -> Self {
        Self {
            known: page.say("col.known").to_owned(),
            restated: page.say("chart.restated").to_owned(),
            written: page.say("col.written").to_owned(),
            open: page.say("chart.open").to_owned(),
            reconciled: page.say("chart.reconciled").to_owned(),
        }
    }
}

/// A mark on an axis.
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

pub(crate) struct PlottedPoint {
    pub(crate) symbol: String,
    pub(crate) is_hollow: bool,
    pub(crate) title: String,
    pub(crate) link: String,
    /// `M x,y1 V y2` of the range given, or empty.
    pub(crate) range: String,
}

pub(crate) struct PlottedLine {
    pub(crate) style: usize,
    pub(crate) label: String,
    pub(crate) legend_symbol: String,
    pub(crate) path: String,
    pub(crate) points: Vec<PlottedPoint>,
}

/// The reconciled figures of a chart: areas of 95, 80 and 50 %, the line, and its points.
#[derive(Default)]
pub(crate) struct PlottedBand {
    pub(crate) areas: [String; 3],
    pub(crate) path: String,
    pub(crate) points: Vec<PlottedPoint>,
    pub(crate) label: String,
}

/// A chart ready to be placed.
pub(crate) struct LineChart {
    pub(crate) metric: String,
    pub(crate) title: String,
    pub(crate) x_ticks: Vec<Tick>,
    pub(crate) y_ticks: Vec<Tick>,
    pub(crate) lines: Vec<PlottedLine>,
    pub(crate) band: PlottedBand,
    /// What detection said of the series.
    pub(crate) marks: Vec<PlottedMark>,
    pub(crate) json: String,
    /// Where the chart is to be had as a file.
    pub(crate) files: ChartLinks,
    x_axis: Span,
}

/// Something that was said of one period.
#[derive(Debug, Serialize)]
pub(crate) struct PlottedMark {
    #[serde(skip)]
    pub(crate) at: f64,
    pub(crate) day: f64,
    pub(crate) title: String,
}

impl LineChart {
    /// Draws the data.
    ///
    /// # Errors
    /// If the data cannot be written as JSON.
    pub(crate) fn new(data: &ChartData, language: Language) -> Result<Self, serde_json::Error> {
        let points = || data.lines.iter().flat_map(|line| &line.points);
        let days = points().map(|point| point.day).chain(data.band.iter().map(|point| point.day));
        let x_axis = Span::of(days).padded(0.02);
        let claimed = points().flat_map(|point| [Some(point.value), point.low, point.high]).flatten();
        let values = claimed.chain(shown_ends(data));
        let y_axis = ValueAxis::new(Span::of(values), data.lower_is_better, data.is_log);
        let place = |point: &ChartPoint| {
            let x = LEFT + x_axis.fraction(point.day) * (RIGHT - LEFT);
            (x, y_axis.place(point.value))
        };
        let lines = data.lines.iter().enumerate().map(|(index, line)| plot(line, index % N_STYLES, &place, &y_axis));
        let y_ticks = y_axis
            .ticks
            .iter()
            .map(|value| Tick { at: y_axis.place(*value), label: numbers::with_unit(*value, &data.unit, language) });
        Ok(Self {
            metric: data.metric.clone(),
            title: data.title.clone(),
            x_ticks: time_ticks(&x_axis, language),
            y_ticks: y_ticks.collect(),
            lines: lines.collect(),
            band: plot_band(data, &|day| LEFT + x_axis.fraction(day) * (RIGHT - LEFT), &y_axis),
            marks: Vec::new(),
            files: ChartLinks::default(),
            x_axis,
            json: for_script(&serde_json::to_string(data)?),
        })
    }
}

/// The ends of 80 % intervals belong to the axis; those of 95 % only where they do not dwarf everything else.
fn shown_ends(data: &ChartData) -> impl Iterator<Item = f64> {
    const DWARFS: f64 = 2.0;
    let said = data.lines.iter().flat_map(|line| &line.points).map(|point| point.value);
    let most = said.chain(data.band.iter().map(|point| point.value)).fold(0.0, f64::max);
    let ends = data.band.iter().flat_map(|point| [point.ends[0], point.ends[1], point.ends[4], point.ends[5]]);
    ends.filter(move |end| *end <= DWARFS * most)
}

fn plot_band(data: &ChartData, x: &dyn Fn(f64) -> f64, y_axis: &ValueAxis) -> PlottedBand {
    let band = &data.band;
    let line = |of: &dyn Fn(&BandPoint) -> f64, points: &mut dyn Iterator<Item = &BandPoint>| -> String {
        points.map(|point| format!("{:.1},{:.1}", x(point.day), y_axis.place(of(point)))).collect::<Vec<_>>().join("L")
    };
    if band.is_empty() {
        return PlottedBand::default();
    }
    let area = |low: usize| {
        let there = line(&|point| point.ends[5 - low], &mut band.iter());
        let back = line(&|point| point.ends[low], &mut band.iter().rev());
        format!("M{there}L{back}Z")
    };
    let points = band.iter().map(|point| PlottedPoint {
        symbol: symbol(3, x(point.day), y_axis.place(point.value)),
        is_hollow: false,
        title: format!("{}: {} · {}", point.period, point.figure, point.reason),
        link: point.link.clone(),
        range: String::new(),
    });
    PlottedBand {
        areas: [area(0), area(1), area(2)],
        path: format!("M{}", line(&|point| point.value, &mut band.iter())),
        points: points.collect(),
        label: data.words.reconciled.clone(),
    }
}

impl LineChart {
    /// Marks a day; one outside the axis is left out.
    pub(crate) fn mark(&mut self, day: f64, title: String) {
        let fraction = self.x_axis.fraction(day);
        if (0.0..=1.0).contains(&fraction) {
            self.marks.push(PlottedMark { at: LEFT + fraction * (RIGHT - LEFT), day, title });
        }
    }

    /// The marks for the script.
    pub(crate) fn marks_json(&self) -> String {
        serde_json::to_string(&self.marks).unwrap_or_default()
    }
}

/// JSON that may stand inside a `script` element: no `<`, so that no text in it can end the element.
pub(crate) fn for_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn plot(line: &ChartLine, style: usize, place: &dyn Fn(&ChartPoint) -> (f64, f64), y_axis: &ValueAxis) -> PlottedLine {
    let mut path = String::new();
    let mut points = Vec::with_capacity(line.points.len());
    for point in &line.points {
        let (x, y) = place(point);
        if point.in_force {
            path.push_str(&format!("{}{x:.1},{y:.1}", if path.is_empty() { "M" } else { "L" }));
        }
        let range = match (point.low, point.high) {
            (Some(low), Some(high)) if low < high => {
                format!("M{x:.1},{:.1}V{:.1}", y_axis.place(low), y_axis.place(high))
            }
            _ => String::new(),
        };
        points.push(PlottedPoint {
            symbol: symbol(style, x, y),
            is_hollow: !point.in_force,
            title: format!("{}: {} · {} · {}", point.period, point.figure, line.label, point.known),
            link: point.link.clone(),
            range,
        });
    }
    PlottedLine { style, label: line.label.clone(), legend_symbol: symbol(style, 14.0, 6.0), path, points }
}

/// The outline of a symbol around a point: circle, square, triangle, diamond …
fn symbol(style: usize, x: f64, y: f64) -> String {
    let at = |dx: f64, dy: f64| format!("M{:.1},{:.1}", x + dx, y + dy);
    match style {
        0 => format!("{}a3.4,3.4 0 1,0 6.8,0a3.4,3.4 0 1,0 -6.8,0z", at(-3.4, 0.0)),
        1 => format!("{}h6v6h-6z", at(-3.0, -3.0)),
        2 => format!("{}l4,7h-8z", at(0.0, -4.2)),
        3 => format!("{}l4.2,4.2l-4.2,4.2l-4.2,-4.2z", at(0.0, -4.2)),
        4 => format!("{}l4,-7h-8z", at(0.0, 4.2)),
        5 => format!("{}h2.6v2.6h2.6v2.6h-2.6v2.6h-2.6v-2.6h-2.6v-2.6h2.6z", at(-1.3, -3.9)),
        6 => format!("{}h8v4h-8z", at(-4.0, -2.0)),
        _ => format!("{}h4v8h-4z", at(-2.0, -4.0)),
    }
}

/// From the least to the greatest of some numbers.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: f64,
    to: f64,
}

impl Span {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut span = Self { from: f64::INFINITY, to: f64::NEG_INFINITY };
        for value in values.filter(|value| value.is_finite()) {
            span.from = span.from.min(value);
            span.to = span.to.max(value);
        }
        if span.from > span.to { Self { from: 0.0, to: 1.0 } } else { span }
    }

    fn padded(self, fraction: f64) -> Self {
        let margin = ((self.to - self.from) * fraction).max(16.0);
        Self { from: self.from - margin, to: self.to + margin }
    }

    fn fraction(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from).max(f64::MIN_POSITIVE)
    }
}

/// The vertical axis: from zero where the values allow it, ranks upside down.
struct ValueAxis {
    /// Of the values, or of their logarithms.
    span: Span,
    is_inverted: bool,
    is_log: bool,
    ticks: Vec<f64>,
}

impl ValueAxis {
    fn new(values: Span, is_inverted: bool, is_log: bool) -> Self {
        if is_log && values.from > 0.0 {
            let ticks = log_ticks(values);
            let ends = Span::of(ticks.iter().map(|tick| tick.log10()));
            return Self { span: ends, is_inverted, is_log, ticks };
        }
        // Values that vary little far from zero (ratings) would be a flat line on an axis from zero.
        let is_far_from_zero = values.from > 0.0 && (values.to - values.from) < values.from * 0.5;
        let from = if is_far_from_zero && values.to > values.from { values.from } else { values.from.min(0.0) };
        let to = if values.to > from { values.to } else { from + 1.0 };
        let step = nice_step((to - from) / 4.0);
        let first = (from / step).floor();
        let last = (to / step).ceil();
        let ticks: Vec<f64> = (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        Self { span: Span { from: first * step, to: last * step }, is_inverted, is_log: false, ticks }
    }

    fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let fraction = self.span.fraction(value).clamp(0.0, 1.0);
        let from_top = if self.is_inverted { fraction } else { 1.0 - fraction };
        TOP + from_top * (BOTTOM - TOP)
    }
}

/// 1, 2, 5, 10 … around positive values; the powers of ten alone where those are many.
fn log_ticks(values: Span) -> Vec<f64> {
    const N_TICKS_MAX: usize = 9;
    let decades = values.from.log10().floor() as i32..=values.to.log10().ceil() as i32;
    let steps = |factors: &'static [f64]| {
        let all = decades.clone().flat_map(move |decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)));
        let all: Vec<f64> = all.collect();
        let first = all.iter().rposition(|tick| *tick <= values.from * 1.000_001).unwrap_or(0);
        let last = all.iter().position(|tick| *tick >= values.to * 0.999_999).unwrap_or(all.len() - 1);
        all[first..=last.max(first + 1).min(all.len() - 1)].to_vec()
    };
    let fine = steps(&[1.0, 2.0, 5.0]);
    if fine.len() <= N_TICKS_MAX { fine } else { steps(&[1.0]) }
}

/// The next of 1, 2, 5, 10 … above a number.
pub(crate) fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.max(1e-12).log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999_999).unwrap_or(10.0);
    factor * power
}

/// Month starts (or year starts, for long spans), at most nine of them.
fn time_ticks(axis: &Span, language: Language) -> Vec<Tick> {
    let (Some(from), Some(to)) = (date_of(axis.from), date_of(axis.to)) else { return Vec::new() };
    let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    let n_months = months(to) - months(from);
    let step = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|step| n_months / step <= 8).unwrap_or(240);
    let mut ticks = Vec::new();
    let first = (months(from) + step).div_euclid(step) * step;
    for month in (first..=months(to)).step_by(step as usize) {
        let text = format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1);
        let Some(day) = day_number(&format!("{text}-01")) else { continue };
        let label = if step >= 12 { &text[..4] } else { text.as_str() };
        ticks.push(Tick {
            at: LEFT + axis.fraction(f64::from(day)) * (RIGHT - LEFT),
            label: numbers::period(label, language),
        });
    }
    ticks
}

fn date_of(day: f64) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(day as i64).ok()?).ok()
}

/// Days from 1970-01-01 to a day in ISO text.
pub(crate) fn day_number(text: &str) -> Option<i32> {
    crowsnest_model::parse_day(text.get(..10)?)
}

/// The middle of a period by its first day and the day after its last, which is the next day where it is not told.
pub(crate) fn middle_day(start: &str, end: &str) -> Option<f64> {
    let start = day_number(start)?;
    let end = day_number(end).unwrap_or(start + 1);
    Some(f64::from(start) + f64::from(end - start - 1) / 2.0)
}

/// A line without axes, for a table's row: 96 by 24, newest at the right; empty for fewer than two values.
pub(crate) fn sparkline(values: &[f64], lower_is_better: bool) -> String {
    if values.len() < 2 {
        return String::new();
    }
    let span = Span::of(values.iter().copied());
    let height = if span.to > span.from { span.to - span.from } else { 1.0 };
    let mut path = String::new();
    for (index, value) in values.iter().enumerate() {
        let x = 2.0 + 92.0 * index as f64 / (values.len() - 1) as f64;
        let fraction = (value - span.from) / height;
        let y = 3.0 + 18.0 * if lower_is_better { fraction } else { 1.0 - fraction };
        path.push_str(&format!("{}{x:.1},{y:.1}", if index == 0 { "M" } else { "L" }));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(day: f64, value: f64) -> ChartPoint {
        ChartPoint {
            day,
            value,
            low: None,
            high: None,
            figure: String::new(),
            period: "<script>".into(),
            status: String::new(),
            known: String::new(),
            written: "</script>".into(),
            claim: String::new(),
            link: String::new(),
            in_force: true,
        }
    }

    fn chart(values: &[f64], lower_is_better: bool) -> LineChart {
        let points = values.iter().enumerate().map(|(index, value)| point(index as f64 * 30.0, *value)).collect();
        let words = ChartWords {
            known: String::new(),
            restated: String::new(),
            written: String::new(),
            open: String::new(),
            reconciled: String::new(),
        };
        let data = ChartData {
            metric: "mau".into(),
            title: "MAU".into(),
            unit: "users".into(),
            language: "en",
            lower_is_better,
            is_log: false,
            lines: vec![ChartLine { label: "a".into(), points }],
            band: Vec::new(),
            words,
        };
        LineChart::new(&data, Language::En).unwrap()
    }

    #[test]
    fn marks_stand_where_their_day_is_and_not_outside() {
        let mut drawn = chart(&[10.0, 35.0, 71.0], false);
        drawn.mark(30.0, "level change".into());
        drawn.mark(4000.0, "too late".into());
        assert_eq!(drawn.marks.len(), 1);
        assert!((drawn.marks[0].at - (LEFT + RIGHT) / 2.0).abs() < 1e-6);
        assert_eq!(drawn.marks_json(), r#"[{"day":30.0,"title":"level change"}]"#);
    }

    #[test]
    fn axes_begin_at_zero_and_end_above_the_values() {
        let drawn = chart(&[10.0, 35.0, 71.0], false);
        let labels: Vec<&str> = drawn.y_ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["0", "20", "40", "60", "80"]);
        assert!(drawn.y_ticks[0].at > drawn.y_ticks[4].at);
    }

    #[test]
    fn ratings_far_from_zero_keep_their_shape_and_ranks_stand_upside_down() {
        let ratings = chart(&[1240.0, 1260.0, 1287.0], false);
        assert_eq!(ratings.y_ticks[0].label, "1,240");
        let ranks = chart(&[1.0, 5.0, 9.0], true);
        assert!(ranks.y_ticks[0].at < ranks.y_ticks[1].at);
    }

    #[test]
    fn on_a_log_axis_equal_factors_are_equal_distances() {
        let axis = ValueAxis::new(Span { from: 30.0, to: 7000.0 }, false, true);
        assert_eq!((axis.ticks[0], axis.ticks.last().copied()), (20.0, Some(10_000.0)));
        let steps = [axis.place(40.0) - axis.place(400.0), axis.place(400.0) - axis.place(4000.0)];
        assert!((steps[0] - steps[1]).abs() < 1e-6 && steps[0] > 0.0);
        let wide = log_ticks(Span { from: 3.0, to: 5e8 });
        assert_eq!((wide[0], wide.len()), (1.0, 10));
        assert_eq!(log_ticks(Span { from: 10.0, to: 10.0 }).len(), 2, "one value has an axis too");
        let zero = ValueAxis::new(Span { from: 0.0, to: 5.0 }, false, true);
        assert!(!zero.is_log && zero.place(0.0).is_finite());
    }

    #[test]
    fn nothing_and_one_point_can_be_drawn() {
        assert!(chart(&[], false).lines[0].path.is_empty());
        let one = chart(&[5.0], false);
        assert!(one.lines[0].path.starts_with('M') && !one.lines[0].path.contains("NaN"));
        assert!(chart(&[0.0, 0.0], false).y_ticks.len() < 10);
    }

    #[test]
    fn a_band_is_drawn_around_the_line_and_wild_ends_do_not_flatten_it() {
        let mut data = ChartData {
            metric: "mau".into(),
            title: "MAU".into(),
            unit: "users".into(),
            language: "en",
            lower_is_better: false,
            is_log: false,
            lines: vec![ChartLine { label: "a".into(), points: vec![point(0.0, 10.0), point(30.0, 12.0)] }],
            band: Vec::new(),
            words: ChartWords {
                known: String::new(),
                restated: String::new(),
                written: String::new(),
                open: String::new(),
                reconciled: "figure".into(),
            },
        };
        assert!(LineChart::new(&data, Language::En).unwrap().band.path.is_empty());
        let own = |day: f64, value: f64| BandPoint {
            day,
            value,
            ends: [0.1, 0.8, 0.9, 1.1, 1.2, 50.0].map(|by| by * value),
            period: String::new(),
            figure: String::new(),
            reason: String::new(),
            link: String::new(),
        };
        data.band = vec![own(0.0, 10.0), own(30.0, 12.0)];
        let drawn = LineChart::new(&data, Language::En).unwrap();
        assert_eq!(drawn.y_ticks.last().unwrap().label, "15", "500 would be nothing but band");
        assert!(drawn.band.areas.iter().all(|area| area.starts_with('M') && area.ends_with('Z')));
        assert_eq!((drawn.band.points.len(), drawn.band.label.as_str()), (2, "figure"));
    }

    #[test]
    fn text_cannot_end_the_script_element() {
        assert!(!chart(&[1.0], false).json.contains("</script"));
    }

    #[test]
    fn steps_are_round() {
        for (rough, step) in [(0.9, 1.0), (1.1, 2.0), (2.4, 5.0), (7.0, 10.0), (25.0, 50.0), (100.0, 100.0)] {
            assert!((nice_step(rough) - step).abs() < 1e-9, "{rough}");
        }
    }

    #[test]
    fn sparklines_rise_with_what_is_better() {
        assert_eq!(sparkline(&[1.0, 2.0], false), "M2.0,21.0L94.0,3.0");
        assert_eq!(sparkline(&[1.0, 2.0], true), "M2.0,3.0L94.0,21.0");
        assert_eq!(sparkline(&[1.0], false), "");
    }
}
