//! A chart as a file of its own: an SVG with title, legend and sources, which any program draws as it is.
//!
//! In: a [`LineChart`] as pages have it. Out: the SVG, and the addresses of a chart's files for the line below it.
//! Styles are attributes, never a style sheet: the pages' policy allows none, and programs for pictures know attributes
//! best. The script makes PNGs of it. Names come from strangers: the template escapes them, and characters that XML has no
//! place for are left out.

use askama::Template;

use crate::ServeError;
use crate::chart::{LineChart, N_STYLES, PlottedLine};
use crate::request::{Format, PageRequest};
use crate::words::{self, say, say_with};

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
const LEGEND_TOP: f64 = 46.0;
const LEGEND_ROW: f64 = 18.0;
/// As high as the drawing in `line_chart.html`.
const DRAWING: f64 = 262.0;
/// Characters of the line of sources before it breaks.
const SOURCE_WIDTH: f64 = WIDTH - 2.0 * MARGIN;

/// Series colours of light pages, and the dashes that tell lines apart without them, as `app.css` has them.
const STYLES: [(&str, &str); N_STYLES] = [
    ("#0072b2", ""),
    ("#d55e00", "7 4"),
    ("#009e73", "2 4"),
    ("#b8578f", "9 3 2 3"),
    ("#c98a00", ""),
    ("#3a9fd6", "7 4"),
    ("#7a6f00", "2 4"),
    ("#444c55", "9 3 2 3"),
];

/// A chart with what it is called and whose figures it has.
pub(crate) struct ChartFile {
    pub(crate) title: String,
    /// Empty where the figures are sums over whoever tells of them.
    pub(crate) sources: Vec<String>,
    pub(crate) drawing: Drawing,
}

/// What is drawn.
pub(crate) enum Drawing {
    Lines(Box<LineChart>),
    Stack(StackChart),
}

/// Stacked bars in a drawing of 760 by 220.
pub(crate) struct StackChart {
    pub(crate) legend: Vec<String>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) bar_width: String,
}

/// One bar of a stack.
pub(crate) struct Bar {
    pub(crate) x: String,
    pub(crate) label_x: String,
    pub(crate) label: String,
    pub(crate) parts: Vec<BarPart>,
}

/// A part of a bar.
pub(crate) struct BarPart {
    pub(crate) style: usize,
    pub(crate) y: String,
    pub(crate) height: String,
    pub(crate) title: String,
}

/// The addresses of a chart's files; empty where it has none.
#[derive(Debug, Default)]
pub(crate) struct ChartLinks {
    pub(crate) svg: String,
    pub(crate) csv: String,
    /// What the picture is called when it is saved, without an ending.
    pub(crate) name: String,
}

/// The files of a chart of this page, with some of its query changed.
pub(crate) fn links(request: &PageRequest, changes: &[(&str, &str)]) -> ChartLinks {
    let own = [("theme", ""), ("all", "")];
    let data: Vec<(&str, &str)> = own.iter().chain(changes).copied().collect();
    let mut picture = data.clone();
    picture.push(("lang", request.language.tag()));
    let metric = changes.iter().find(|(name, _)| *name == "metric").map(|(_, metric)| *metric);
    let name = metric.or(request.get("metric")).unwrap_or("chart");
    ChartLinks {
        svg: request.address_as(Format::SVG, &picture),
        csv: request.address_as(".csv", &data),
        name: name.chars().filter(|one| one.is_ascii_alphanumeric() || *one == '_').collect(),
    }
}

struct LegendItem<'a> {
    x: f64,
    y: f64,
    label: String,
    swatch: Swatch<'a>,
}

/// What stands before a label.
#[derive(Clone, Copy)]
enum Swatch<'a> {
    Band,
    Line(&'a PlottedLine),
    /// A bar of this style.
    Bar(usize),
}

/// About how wide a text is in a font of 12 pixels.
fn width_of(text: &str) -> f64 {
    text.chars().map(|one| if one.is_ascii() { 6.6 } else { 12.0 }).sum()
}

/// A text without characters that XML has no place for.
fn plain(text: &str) -> String {
    text.chars().filter(|one| !one.is_control() && !matches!(one, '\u{fffe}' | '\u{ffff}')).collect()
}

fn legend(drawing: &Drawing) -> Vec<LegendItem<'_>> {
    let entries: Vec<(&str, Swatch<'_>)> = match drawing {
        Drawing::Lines(chart) => {
            let band = (!chart.band.path.is_empty()).then_some((chart.band.label.as_str(), Swatch::Band));
            let lines = chart.lines.iter().map(|line| (line.label.as_str(), Swatch::Line(line)));
            band.into_iter().chain(lines).collect()
        }
        Drawing::Stack(chart) => {
            chart.legend.iter().enumerate().map(|(style, label)| (label.as_str(), Swatch::Bar(style))).collect()
        }
    };
    let (mut x, mut y) = (MARGIN, LEGEND_TOP);
    let mut items = Vec::new();
    for (label, swatch) in entries {
        let label = plain(label);
        let width = 34.0 + width_of(&label) + 18.0;
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LEGEND_ROW);
        }
        items.push(LegendItem { x, y, label, swatch });
        x += width;
    }
    items
}

/// A text in lines that fit; a word that does not stays whole.
fn broken(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive([' ', '、']) {
        let is_full =
            lines.last().is_some_and(|line| !line.is_empty() && width_of(line) + width_of(word) > SOURCE_WIDTH);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
}

impl ChartFile {
    /// The SVG.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn svg(&self, request: &PageRequest) -> Result<String, ServeError> {
        let language = request.language;
        let sources: Vec<String> = self.sources.iter().map(|source| plain(source)).collect();
        let mut said = plain(request.lake.market().title());
        if !sources.is_empty() {
            said = format!(
                "{} · {said}",
                say_with(language, "chart.file.sources", &sources.join(words::between(language)))
            );
        }
        if let Some(day) = &request.as_of_day {
            said.push_str(&format!(" · {}", say_with(language, "chart.file.as_of", day)));
        }
        said.push_str(" · Crowsnest");
        let legend = legend(&self.drawing);
        let top = legend.last().map_or(LEGEND_TOP, |item| item.y) + LEGEND_ROW;
        let sources = broken(&plain(&said));
        let height = top + DRAWING + LEGEND_ROW * sources.len() as f64 + 6.0;
        let sources = sources.into_iter().enumerate();
        let sources = sources.map(|(place, line)| (top + DRAWING + LEGEND_ROW * (place as f64 + 0.5), line));
        let view = ChartFileView {
            label: say(language, "chart.file.label"),
            title: plain(&self.title),
            drawing: &self.drawing,
            sources: sources.collect(),
            legend,
            top,
            height,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "chart.svg")]
struct ChartFileView<'a> {
    label: &'a str,
    title: String,
    drawing: &'a Drawing,
    legend: Vec<LegendItem<'a>>,
    sources: Vec<(f64, String)>,
    top: f64,
    height: f64,
}

impl ChartFileView<'_> {
    fn colour(&self, style: &usize) -> &'static str {
        STYLES[style % N_STYLES].0
    }

    fn dashes(&self, style: &usize) -> &'static str {
        match STYLES[style % N_STYLES].1 {
            "" => "none",
            dashes => dashes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_where_they_do_not_fit() {
        let long = "one two ".repeat(40);
        let lines = broken(&long);
        assert!(lines.len() > 1 && lines.iter().all(|line| width_of(line) <= SOURCE_WIDTH));
        assert_eq!(lines.concat(), long);
        assert_eq!(broken(&"豆".repeat(90)).len(), 1, "a word stays whole");
    }

    #[test]
    fn what_xml_has_no_place_for_is_left_out() {
        assert_eq!(plain("a\u{0}b\u{b}\u{ffff}c<"), "abc<");
    }
}
