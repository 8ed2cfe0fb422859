//! A market that never was: products, five sources that follow some of them, and what the sources say month by month.
//!
//! Each source follows each product in one metric for certain and in the five others with some probability, from some
//! month on, in one slice (region, platform, segment). For most months it then says a figure some days after the month's
//! end; about 15 % of the figures are said again with another value one to six months later (a few are withdrawn), and
//! one row in two hundred occurs twice, near or far. Rows come in the order in which they were said.
//!
//! The number of products grows with the number of rows, so that a small market is as dense as a large one: 20 million
//! rows are 40,000 products and 200,000 mentions, unless a plan says how many there are. A market of a [`Slice`] grows
//! otherwise: by months, metrics and products that come and go ([`crate::grown`]). Memory: 8 bytes for each series and the
//! rows of one month, 16 bytes each.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::RangeInclusive;

use crate::grown::{self, Grown, Slice};
use crate::names;
use crate::random::{Purpose, mixed, normal, unit};

/// The year after the last; periods are the months before it.
const YEAR_AFTER: u32 = 2026;
pub(crate) const MONTHS: u32 = 60;
const LAG_MONTHS_MAX: u32 = 6;
/// From a product's first month on, within how many months sources begin to follow it.
const FOLLOWED_WITHIN_MONTHS: u64 = 37;
const ROWS_PER_PRODUCT: u64 = 500;
const FOLLOWS_SHARE: f64 = 0.30;
const RESTATED_SHARE: f64 = 0.15;
const REPEATED_SHARE: f64 = 0.005;
const WITHDRAWN_SHARE: f64 = 0.005;
/// A little more than asked for is planned, for the last rows to be cut and not made up.
const PLANNED_SURPLUS: f64 = 1.004;
/// Below this a market may be empty by chance.
pub const N_ROWS_MIN: u64 = 100;
/// How many rows later an exact repeat comes.
const REPEAT_AFTER: [u64; 2] = [200, 500_000];

/// The columns, by the lake's names.
pub const HEADER: &str = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on";
pub(crate) const METRICS: [&str; 6] = ["mau", "downloads", "web_visits", "revenue", "rating", "rank"];
const UNITS: [&str; 6] = ["users", "downloads", "visits", "USD", "points", "rank"];
/// Logarithm of a middling product's figure, for the metrics that grow without bound.
const LOG_LEVELS: [f64; 4] = [11.0, 10.5, 12.0, 10.0];
const SOURCES: [&str; 5] = ["Meridian Panel", "Harbour Index", "Tidewater", "App Almanac", "Company statements"];
const STATUSES: [&str; 5] = ["estimated", "estimated", "reported", "reported", "official"];
const SLICES: [&str; 5] = ["all,all,all", "cn,all,all", "all,app,all", "all,web,all", "all,all,consumer"];
/// Of a hundred series, up to which number they are of each slice.
const SLICE_BOUNDS: [u64; 5] = [85, 90, 94, 97, 100];

/// How many rows, and of which market.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rows below the header, exactly; at least [`N_ROWS_MIN`].
    pub n_rows: u64,
    /// Another seed is another market.
    pub seed: u64,
    /// Products; one for each 500 rows, and at least 20, where not said.
    pub n_products: Option<u64>,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// Rows below the header.
    pub n_rows: u64,
    /// Rows that are not exact repeats of an earlier one.
    pub n_distinct: u64,
    /// Rows that say again what their source had said.
    pub n_restated: u64,
    /// Products.
    pub n_products: u64,
    /// Mentions, if the market is written to its end: sources times products.
    pub n_mentions: u64,
    /// Bytes, with the header.
    pub n_bytes: u64,
}

/// One source on one product in one metric.
#[derive(Debug, Clone, Copy)]
struct Series {
    /// Product × 5 + source.
    mention: u32,
    first_month: u16,
    metric: u8,
    slice: u8,
}

/// One row to be written.
#[derive(Debug, Clone, Copy)]
struct Saying {
    series: u32,
    month: u16,
    is_restated: bool,
}

/// How large a market is, and how its products come and go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) n_products: u64,
    pub(crate) n_months: u32,
    pub(crate) n_metrics: u64,
    /// Products come all the time, each for [`MONTHS`]; otherwise all of them are there from the start to the end.
    pub(crate) comes_and_goes: bool,
}

impl Shape {
    /// The month in which a product comes; those of before the first month were there already.
    pub(crate) fn birth(&self, product: u64) -> i64 {
        if !self.comes_and_goes {
            return 0;
        }
        let span = u64::from(self.n_months + MONTHS);
        (product * span / self.n_products) as i64 - i64::from(MONTHS)
    }

    fn gone(&self, birth: i64) -> i64 {
        (birth + i64::from(MONTHS)).min(i64::from(self.n_months))
    }

    /// Room between the numbers of two mentions, for those of their metrics.
    fn metric_room(&self) -> u64 {
        if self.comes_and_goes { 256 } else { 8 }
    }

    /// Room between the numbers of two series, for those of their months, twice.
    fn month_room(&self) -> u64 {
        if self.comes_and_goes { 1024 } else { 64 }
    }

    /// The number that says which of six metrics a source follows for certain.
    fn certain(&self, mention: u64, metric: u64) -> u64 {
        let place = if self.comes_and_goes { 128 + metric / METRICS.len() as u64 } else { 7 };
        mention * self.metric_room() + place
    }
}

impl Plan {
    /// Writes the market's claims as CSV.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(self, out: impl Write) -> io::Result<Written> {
        let market = Market::new(self.shape(), self.seed, self.n_rows as f64 * PLANNED_SURPLUS);
        let mut writer = Writer::new(self, out);
        writer.line(HEADER.as_bytes())?;
        for month_said in market.months_said() {
            writer.month(&market, month_said)?;
            if writer.is_full() {
                return writer.finish(&market);
            }
        }
        writer.fill()?;
        writer.finish(&market)
    }

    fn shape(self) -> Shape {
        let n_products = self.n_products.unwrap_or_else(|| (self.n_rows / ROWS_PER_PRODUCT).max(20));
        Shape { n_products, n_months: MONTHS, n_metrics: METRICS.len() as u64, comes_and_goes: false }
    }
}

impl Slice {
    /// Writes what is said in this slice's months as CSV, and tells what the whole market is like. Repeats that were to
    /// come after its last row are left out.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(self, out: impl Write) -> io::Result<(Written, Grown)> {
        let shape = grown::shape(self.n_rows);
        let market = Market::new(shape, self.seed, self.n_rows as f64);
        let mut writer = Writer::new(Plan { n_rows: u64::MAX, seed: self.seed, n_products: None }, out);
        writer.line(HEADER.as_bytes())?;
        for month_said in self.of_months(market.months_said()) {
            writer.month(&market, month_said)?;
        }
        let grown = Grown::of(&shape, names::of_product(market.well_known()));
        Ok((writer.finish(&market)?, grown))
    }
}

/// The market before anybody says anything.
struct Market {
    seed: u64,
    shape: Shape,
    names: Vec<String>,
    /// By product.
    births: Vec<i64>,
    /// By number.
    metrics: Vec<String>,
    series: Vec<Series>,
    /// The probability that a source says something for a month.
    says_share: f64,
}

impl Market {
    fn new(shape: Shape, seed: u64, n_rows: f64) -> Self {
        let births: Vec<i64> = (0..shape.n_products).map(|product| shape.birth(product)).collect();
        let mut series = Vec::new();
        for mention in 0..shape.n_products * SOURCES.len() as u64 {
            for metric in 0..shape.n_metrics {
                let number = mixed(seed, Purpose::Coverage, mention * shape.metric_room() + metric);
                let certain = mixed(seed, Purpose::Coverage, shape.certain(mention, metric)) % METRICS.len() as u64;
                if certain == metric % METRICS.len() as u64 || unit(number) < FOLLOWS_SHARE {
                    let birth = births[mention as usize / SOURCES.len()];
                    series.extend(followed(&shape, mention as u32, metric as u8, birth, number));
                }
            }
        }
        let n_months_of = |one: &Series| shape.gone(births[one.product() as usize]) - i64::from(one.first_month);
        let n_months: i64 = series.iter().map(n_months_of).sum();
        let n_planned = n_rows / (1.0 + RESTATED_SHARE) / (1.0 + REPEATED_SHARE);
        let names = (0..shape.n_products).map(|number| csv_field(&names::of_product(number))).collect();
        let metrics = (0..shape.n_metrics).map(grown::metric).collect();
        let says_share = n_planned / n_months as f64;
        Self { seed, shape, names, births, metrics, series, says_share }
    }

    /// The months in which anything is said (0 is the first month).
    fn months_said(&self) -> RangeInclusive<u32> {
        1..=self.shape.n_months + LAG_MONTHS_MAX
    }

    /// A product of the last [`MONTHS`] whose first metric two sources follow everywhere.
    fn well_known(&self) -> u64 {
        let n_months = u64::from(self.shape.n_months);
        let from = self.shape.n_products * n_months / (n_months + u64::from(MONTHS));
        let is_whole = |one: &&Series| one.metric == 0 && one.slice == 0 && u64::from(one.product()) >= from;
        let mut last = None;
        for one in self.series.iter().filter(is_whole) {
            if last == Some(one.product()) {
                return u64::from(one.product());
            }
            last = Some(one.product());
        }
        from
    }

    /// Everything that is said in one month (0 is the first month), by day.
    fn said_in(&self, month_said: u32) -> Vec<Vec<Saying>> {
        let mut days: Vec<Vec<(u64, Saying)>> = vec![Vec::new(); 28];
        for (index, series) in self.series.iter().enumerate() {
            let gone = self.shape.gone(self.births[series.product() as usize]);
            if i64::from(month_said) > gone + i64::from(LAG_MONTHS_MAX) {
                continue;
            }
            for months_ago in 1..=LAG_MONTHS_MAX + 1 {
                let Some(month) = month_said.checked_sub(months_ago) else { break };
                if i64::from(month) >= gone || month < u32::from(series.first_month) {
                    continue;
                }
                let number = self.number(Purpose::Saying, index as u64, month);
                let is_restated = months_ago > 1;
                let is_said = unit(number) < self.says_share;
                if !is_said || (is_restated && restated_after(number) != Some(months_ago - 1)) {
                    continue;
                }
                let day = (number >> if is_restated { 2 } else { 7 }) % 25 + 2;
                let order = mixed(self.seed, Purpose::Order, number ^ u64::from(is_restated));
                days[day as usize].push((order, Saying { series: index as u32, month: month as u16, is_restated }));
            }
        }
        let in_order = |mut day: Vec<(u64, Saying)>| {
            day.sort_unstable_by_key(|(order, _)| *order);
            day.into_iter().map(|(_, saying)| saying).collect()
        };
        days.into_iter().map(in_order).collect()
    }

    fn number(&self, purpose: Purpose, series: u64, month: u32) -> u64 {
        mixed(self.seed, purpose, series * 2 * self.shape.month_room() + u64::from(month))
    }

    fn year_and_month(&self, month: u32) -> (u32, u32) {
        let since_year_0 = YEAR_AFTER * 12 - self.shape.n_months + month;
        (since_year_0 / 12, since_year_0 % 12 + 1)
    }

    /// Writes a row's text over the buffer's.
    fn row(&self, saying: &Saying, month_said: u32, day: u32, row: &mut Vec<u8>) {
        let series = self.series[saying.series as usize];
        let (product, source) = (series.mention / 5, (series.mention % 5) as usize);
        let metric = &self.metrics[usize::from(series.metric)];
        let (year, month) = self.year_and_month(u32::from(saying.month));
        let (year_said, month_of_year_said) = self.year_and_month(month_said);
        let noise = self.number(
            Purpose::Noise,
            u64::from(saying.series),
            u32::from(saying.month) + self.shape.month_room() as u32 * u32::from(saying.is_restated),
        );
        let is_withdrawn = saying.is_restated && unit(noise) < WITHDRAWN_SHARE;
        let status = if is_withdrawn { "withdrawn" } else { STATUSES[source] };
        row.clear();
        row.extend_from_slice(self.names[product as usize].as_bytes());
        // Infallible: writing to a Vec never fails.
        let _ = write!(row, ",product,{metric},{year}-{month:02},{},", SLICES[usize::from(series.slice)]);
        self.figure(series, u32::from(saying.month), noise, row);
        let _ = write!(
            row,
            ",{},{status},{},{year_said}-{month_of_year_said:02}-{day:02}",
            UNITS[series.kind()],
            SOURCES[source],
        );
    }

    fn figure(&self, series: Series, month: u32, noise: u64, row: &mut Vec<u8>) {
        let product = u64::from(series.mention / 5);
        let size = normal(mixed(self.seed, Purpose::Level, product * 2));
        let growth = 0.02 * normal(mixed(self.seed, Purpose::Level, product * 2 + 1));
        let bias = 0.15 * normal(mixed(self.seed, Purpose::Bias, u64::from(series.mention)));
        let off = bias + 0.05 * normal(noise);
        let log_change = 2.0 * size + growth * (i64::from(month) - self.births[product as usize]) as f64 + off;
        // Infallible: writing to a Vec never fails.
        let _ = match series.kind() {
            3 => write!(row, "{:.2}", (LOG_LEVELS[3] + log_change).exp()),
            4 => write!(row, "{:.2}", (3.8 + 0.5 * size + 2.0 * off).clamp(1.0, 5.0)),
            5 => write!(row, "{}", (7.0 - log_change).exp().ceil().clamp(1.0, 99_999.0)),
            kind => write!(row, "{}", (LOG_LEVELS[kind] + log_change).exp().round().max(1.0)),
        };
    }
}

impl Series {
    fn product(&self) -> u32 {
        self.mention / SOURCES.len() as u32
    }

    /// Which of the six metrics its figures are like.
    fn kind(&self) -> usize {
        usize::from(self.metric) % METRICS.len()
    }
}

/// A series, unless it would begin after the product is gone.
fn followed(shape: &Shape, mention: u32, metric: u8, birth: i64, number: u64) -> Option<Series> {
    let percent = (number >> 3) % 100;
    let slice = SLICE_BOUNDS.iter().position(|bound| percent < *bound).unwrap_or_default();
    let first_month = (birth + ((number >> 20) % FOLLOWED_WITHIN_MONTHS) as i64).max(0);
    let is_any = first_month < shape.gone(birth);
    is_any.then_some(Series { mention, metric, first_month: first_month as u16, slice: slice as u8 })
}

/// After how many months a figure is said again, if it is.
fn restated_after(number: u64) -> Option<u32> {
    // The lowest bits: the upper ones decided that it was said at all.
    let draw = (number & 0xFFFFF) as f64 / 1_048_576.0;
    (draw < RESTATED_SHARE).then(|| 1 + (number >> 24) as u32 % LAG_MONTHS_MAX)
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Writes rows, and some of them again later.
struct Writer<W: Write> {
    plan: Plan,
    out: W,
    row: Vec<u8>,
    written: Written,
    near: VecDeque<(u64, Vec<u8>)>,
    far: VecDeque<(u64, Vec<u8>)>,
}

impl<W: Write> Writer<W> {
    fn new(plan: Plan, out: W) -> Self {
        Self { plan, out, row: Vec::new(), written: Written::default(), near: VecDeque::new(), far: VecDeque::new() }
    }

    fn line(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.write_all(b"\n")?;
        self.written.n_bytes += bytes.len() as u64 + 1;
        Ok(())
    }

    /// Writes what is said in a month, as far as there is room.
    fn month(&mut self, market: &Market, month_said: u32) -> io::Result<()> {
        for (day, of_day) in market.said_in(month_said).iter().enumerate() {
            for saying in of_day {
                market.row(saying, month_said, day as u32 + 1, &mut self.row);
                self.put(saying.is_restated)?;
                if self.is_full() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Writes the row in the buffer, and before it the repeats that are due.
    fn put(&mut self, is_restated: bool) -> io::Result<()> {
        while let Some(due) = self.due() {
            if self.is_full() {
                return Ok(());
            }
            self.line(&due)?;
            self.written.n_rows += 1;
        }
        if self.is_full() {
            return Ok(());
        }
        let row = std::mem::take(&mut self.row);
        self.line(&row)?;
        self.written.n_rows += 1;
        self.written.n_distinct += 1;
        self.written.n_restated += u64::from(is_restated);
        let draw = mixed(self.plan.seed, Purpose::Repeat, self.written.n_distinct);
        if unit(draw) < REPEATED_SHARE {
            let is_far = draw & 1 == 1;
            let after = REPEAT_AFTER[usize::from(is_far)];
            let queue = if is_far { &mut self.far } else { &mut self.near };
            queue.push_back((self.written.n_rows + after, row.clone()));
        }
        self.row = row;
        Ok(())
    }

    fn due(&mut self) -> Option<Vec<u8>> {
        let n_rows = self.written.n_rows;
        for queue in [&mut self.near, &mut self.far] {
            if queue.front().is_some_and(|(due, _)| *due <= n_rows) {
                return queue.pop_front().map(|(_, row)| row);
            }
        }
        None
    }

    fn is_full(&self) -> bool {
        self.written.n_rows >= self.plan.n_rows
    }

    /// The market is told to its end: what is missing are repeats, first those waiting, then the last row.
    fn fill(&mut self) -> io::Result<()> {
        while !self.is_full() {
            let waiting = self.near.pop_front().or_else(|| self.far.pop_front());
            let row = waiting.map_or_else(|| self.row.clone(), |(_, row)| row);
            self.line(&row)?;
            self.written.n_rows += 1;
        }
        Ok(())
    }

    fn finish(mut self, market: &Market) -> io::Result<Written> {
        self.out.flush()?;
        self.written.n_products = market.shape.n_products;
        self.written.n_mentions = market.shape.n_products * SOURCES.len() as u64;
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn market(n_rows: u64, seed: u64) -> (Written, String) {
        let mut bytes = Vec::new();
        let written = Plan { n_rows, seed, n_products: None }.write(&mut bytes).unwrap();
        (written, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_same_numbers_give_the_same_market() {
        assert_eq!(market(5_000, 1), market(5_000, 1));
        assert_ne!(market(5_000, 1).1, market(5_000, 2).1);
    }

    #[test]
    fn it_has_exactly_the_rows_asked_for_and_says_which_are_repeats() {
        for n_rows in [N_ROWS_MIN, 1_000, 50_000] {
            let (written, text) = market(n_rows, 1);
            let rows: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(rows.len() as u64, n_rows);
            assert_eq!(rows.iter().collect::<HashSet<_>>().len() as u64, written.n_distinct);
            assert_eq!(text.len() as u64, written.n_bytes);
        }
    }

    #[test]
    fn the_same_rows_may_be_of_more_products() {
        let mut bytes = Vec::new();
        let written = Plan { n_rows: 20_000, seed: 1, n_products: Some(100) }.write(&mut bytes).unwrap();
        assert_eq!((written.n_rows, written.n_products), (20_000, 100));
        let text = String::from_utf8(bytes).unwrap();
        let products: HashSet<&str> = text.lines().skip(1).map(subject).collect();
        assert_eq!(products.len(), 100);
    }

    #[test]
    fn shares_are_about_as_the_module_says() {
        let (written, text) = market(100_000, 1);
        let restated = written.n_restated as f64 / (written.n_distinct - written.n_restated) as f64;
        assert!((0.13..0.17).contains(&restated), "{restated}");
        let repeated = 1.0 - written.n_distinct as f64 / written.n_rows as f64;
        assert!((0.002..0.01).contains(&repeated), "{repeated}");
        let mentions: HashSet<(&str, &str)> = text.lines().skip(1).map(|row| (subject(row), field(row, 1))).collect();
        assert!(mentions.len() as u64 > written.n_mentions * 95 / 100, "{}", mentions.len());
    }

    #[test]
    fn a_figure_is_said_again_later_and_otherwise() {
        let (_, text) = market(50_000, 1);
        let mut said: HashMap<String, Vec<(String, String)>> = HashMap::new();
        let rows: HashSet<&str> = text.lines().skip(1).collect();
        for row in rows {
            let parts: Vec<&str> = row.rsplitn(12, ',').collect();
            let key = [&parts[4..], &parts[1..2]].concat().join("|");
            let (value, status) = (parts[4], parts[2]);
            let key = key.replacen(value, "", 1);
            said.entry(key).or_default().push((parts[0].to_owned(), format!("{value} {status}")));
        }
        for (key, mut sayings) in said {
            sayings.sort();
            assert!(sayings.len() <= 2, "{key}: {sayings:?}");
            if let [first, second] = &sayings[..] {
                assert!(first.0 < second.0, "{key}: {sayings:?}");
            }
        }
    }

    #[test]
    fn rows_come_in_the_order_in_which_they_were_said() {
        let (_, text) = market(20_000, 1);
        let mut seen = HashSet::new();
        let days: Vec<&str> = text.lines().skip(1).filter(|row| seen.insert(*row)).map(|row| field(row, 0)).collect();
        assert!(days.is_sorted());
        assert!(days[0].starts_with("2021-02-"), "{}", days[0]);
    }

    /// The field that many places from the end.
    fn field(row: &str, from_end: usize) -> &str {
        row.rsplit(',').nth(from_end).unwrap()
    }

    fn subject(row: &str) -> &str {
        row.rsplitn(12, ',').last().unwrap()
    }
}
