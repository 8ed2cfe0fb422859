//! How good calls were, drawn as SVG: the reliability diagram, and precision by how far down a list one goes.
//!
//! In: bins and curves. Out: an SVG, for a file or to stand in a page, where it takes the page's colour. What is said in
//! words comes from the caller, and is escaped. The reliability diagram is that of A. H. Murphy and R. L. Winkler,
//! *Reliability of subjective probability forecasts of precipitation and temperature*, 1977.

use crate::measures::Bin;

// The drawing and the plot in it.
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 444.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 284.0;
/// Colours that colour-blind eyes tell apart (M. Okabe, K. Ito, 2008), and dashes for those who print.
const STYLES: [(&str, &str); 4] = [("#0072b2", ""), ("#d55e00", "6 4"), ("#009e73", "2 3"), ("#cc79a7", "8 3 2 3")];

/// What a diagram says in words.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Above it.
    pub title: String,
    /// Along its foot.
    pub across: String,
    /// Along its side.
    pub up: String,
    /// Of the line that perfect calls, or calls by chance, lie on.
    pub reference: String,
    /// Whether it is a file of its own, with a ground and colours of its own.
    pub is_file: bool,
}

/// A named curve: places from the top of a list, and the share of hits among those before.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Curve {
    /// Whose list it is.
    pub name: String,
    /// Places with the precision there, in rising order of places.
    pub points: Vec<(usize, f64)>,
}

/// What was said against what came, one point a bin; its size tells the bin's share of the calls.
pub fn reliability(bins: &[Bin], words: &Words) -> String {
    let most = bins.iter().flat_map(|bin| [bin.said, bin.came]).fold(0.0_f64, f64::max);
    let end = nice_end(most);
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    let x = |share: f64| LEFT + share / end * (RIGHT - LEFT);
    let y = |share: f64| BOTTOM - share / end * (BOTTOM - TOP);
    let mut drawn = axes(end, words);
    for share in ticks(end) {
        drawn.push_str(&text(x(share), BOTTOM + 16.0, "middle", &percent(share)));
    }
    drawn.push_str(&format!(
        "<path d=\"M{LEFT},{BOTTOM}L{RIGHT},{TOP}\" stroke=\"currentColor\" stroke-dasharray=\"4 4\" opacity=\"0.6\"/>{}",
        text(RIGHT - 4.0, TOP + 30.0, "end", &words.reference)
    ));
    let places: Vec<(f64, f64)> = bins.iter().map(|bin| (x(bin.said), y(bin.came))).collect();
    drawn.push_str(&line(&places, 0));
    for (bin, (x, y)) in bins.iter().zip(&places) {
        let radius = 3.0 + 6.0 * (bin.n as f64 / n.max(1) as f64).sqrt();
        drawn.push_str(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{}\" fill-opacity=\"0.75\"><title>{} → {} (n = {})</title></circle>",
            STYLES[0].0,
            percent(bin.said),
            percent(bin.came),
            bin.n
        ));
    }
    whole(&drawn, words)
}

/// Precision at each place, one line a list; the reference is the share of hits of all.
pub fn precision(curves: &[Curve], base_rate: f64, words: &Words) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let end = nice_end(points().map(|(_, share)| *share).fold(base_rate, f64::max));
    let first = points().map(|(place, _)| *place).min().unwrap_or(1).max(1) as f64;
    let last = (points().map(|(place, _)| *place).max().unwrap_or(10) as f64).max(first + 1.0);
    let x = |place: f64| LEFT + (place / first).ln() / (last / first).ln() * (RIGHT - LEFT);
    let y = |share: f64| BOTTOM - share / end * (BOTTOM - TOP);
    let mut drawn = axes(end, words);
    for place in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0] {
        if (first..=last).contains(&place) {
            drawn.push_str(&text(x(place), BOTTOM + 16.0, "middle", &format!("{place}")));
        }
    }
    drawn.push_str(&format!(
        "<path d=\"M{LEFT},{0:.1}H{RIGHT}\" stroke=\"currentColor\" stroke-dasharray=\"4 4\" opacity=\"0.6\"/>{1}",
        y(base_rate),
        text(RIGHT - 4.0, y(base_rate) - 5.0, "end", &words.reference)
    ));
    for (nth, curve) in curves.iter().enumerate() {
        let places: Vec<(f64, f64)> = curve.points.iter().map(|(place, share)| (x(*place as f64), y(*share))).collect();
        drawn.push_str(&line(&places, nth));
        let (color, _) = STYLES[nth % STYLES.len()];
        let at = TOP + 14.0 + 16.0 * nth as f64;
        drawn.push_str(&format!(
            "<path d=\"M{0},{1}h22\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{2}\"/>{3}",
            RIGHT - 150.0,
            at - 4.0,
            STYLES[nth % STYLES.len()].1,
            text(RIGHT - 122.0, at, "start", &curve.name)
        ));
    }
    whole(&drawn, words)
}

/// The end of an axis of shares: a round number that is at least as large.
fn nice_end(most: f64) -> f64 {
    let ends = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8];
    ends.into_iter().find(|end| most <= *end).unwrap_or(1.0)
}

fn ticks(end: f64) -> impl Iterator<Item = f64> {
    (0..=4).map(move |nth| end * f64::from(nth) / 4.0)
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 0.05 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

fn axes(end: f64, words: &Words) -> String {
    let mut drawn = format!(
        "<path d=\"M{LEFT},{TOP}V{BOTTOM}H{RIGHT}\" stroke=\"currentColor\" fill=\"none\"/>{}{}{}",
        text(LEFT, 16.0, "start", &words.title).replacen("<text", "<text font-weight=\"600\"", 1),
        text((LEFT + RIGHT) / 2.0, HEIGHT - 8.0, "middle", &words.across),
        text(0.0, 0.0, "middle", &words.up).replacen(
            "<text",
            &format!("<text transform=\"translate(13,{}) rotate(-90)\"", (TOP + BOTTOM) / 2.0),
            1
        )
    );
    for share in ticks(end) {
        let y = BOTTOM - share / end * (BOTTOM - TOP);
        drawn.push_str(&format!(
            "<path d=\"M{LEFT},{y:.1}H{RIGHT}\" stroke=\"currentColor\" opacity=\"0.12\"/>{}",
            text(LEFT - 6.0, y + 4.0, "end", &percent(share))
        ));
    }
    drawn
}

fn line(places: &[(f64, f64)], nth: usize) -> String {
    let (color, dash) = STYLES[nth % STYLES.len()];
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    if path.is_empty() {
        return String::new();
    }
    format!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/>",
        path.join("L")
    )
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"currentColor\">{words}</text>")
}

fn whole(drawn: &str, words: &Words) -> String {
    let label = words.title.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let (style, ground) = if words.is_file {
        (" color=\"#222\"", format!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>"))
    } else {
        ("", String::new())
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\"{style}>{ground}{drawn}</svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_they_should_and_words_are_escaped() {
        let bins = [Bin { said: 0.1, came: 0.2, n: 10 }, Bin { said: 0.2, came: 0.1, n: 30 }];
        let words = Words { title: "a < b & c".to_owned(), is_file: true, ..Words::default() };
        let svg = reliability(&bins, &words);
        // The axes end at 20 %: the first point is halfway across and at the top.
        let (middle, right) = ((LEFT + RIGHT) / 2.0, RIGHT);
        assert!(svg.contains(&format!("cx=\"{middle:.1}\" cy=\"{TOP:.1}\"")), "{svg}");
        assert!(
            svg.contains(&format!("cx=\"{right:.1}\"")) && svg.contains("a &lt; b &amp; c") && svg.contains("#fff")
        );
        assert!(!reliability(&bins, &Words::default()).contains("#fff"), "a page has its own ground");
    }

    #[test]
    fn curves_go_from_the_first_place_to_the_last() {
        let curve = |name: &str, share: f64| Curve { name: name.to_owned(), points: vec![(10, share), (1000, 0.1)] };
        let svg = precision(&[curve("breakout", 0.4), curve("momentum_1", 0.2)], 0.03, &Words::default());
        assert!(svg.contains(&format!("M{LEFT:.1},{TOP:.1}L{RIGHT:.1}")), "{svg}");
        assert!(svg.contains("momentum_1"));
        assert!(precision(&[], 0.0, &Words::default()).starts_with("<svg"));
    }
}
