//! The file that `grow fit` and `grow plan` read: where the history is, what is known beforehand, what is to be planned.
//!
//! Invariants: unknown keys are errors, and all that is wrong with it is told at once, before anything is computed.

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrowFile {
    /// What the plan is called; the file's name if nothing is said.
    pub name: Option<String>,
    /// The call that it came from: the id of its signal, or a product whose latest call is meant.
    pub call: Option<String>,
    /// The direction that it came from: the name of a segment, say.
    pub direction: Option<String>,
    /// Where the history is.
    pub history: HistorySettings,
    /// Channels, at least one.
    pub channels: Vec<ChannelSettings>,
    /// How it is modelled.
    #[serde(default)]
    pub model: ModelSettings,
    /// What experiments have said of channels.
    #[serde(default)]
    pub lift_tests: Vec<LiftTest>,
    /// What is to be planned; only `grow plan` needs it.
    pub plan: Option<PlanSettings>,
}

/// Where the history is: a file, or claims of the market.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySettings {
    /// A CSV file, beside this file if the path is not absolute. Without one, claims of the market are read.
    pub file: Option<std::path::PathBuf>,
    /// Column of the first days of periods, for instance `2024-01-01`.
    #[serde(default = "default_date")]
    pub date: String,
    /// Column (or metric) of what is to grow.
    pub outcome: String,
    /// Column of products or regions; without it, there is one group.
    pub group: Option<String>,
    /// Long layout: the column of channels' names. `spend` and `exposure` then name one column each.
    pub channel: Option<String>,
    /// Long layout: the column of money spent.
    pub spend: Option<String>,
    /// Long layout: the column of impressions or clicks.
    pub exposure: Option<String>,
    /// Columns of what else moves the outcome: prices, competitors' figures. `metric:product` is that product's figure in the market,
    /// `breakout:product` the probability of a breakout that was said of it.
    #[serde(default)]
    pub controls: Vec<String>,
    /// Columns of what happened: numbers, or words, of which each becomes an event (`na`, `none` and nothing are none).
    #[serde(default)]
    pub events: Vec<String>,
    /// Calendars whose holidays are events: `china`, `west`, or a table `NAME.csv` beside this file (holiday, first_day, days).
    #[serde(default)]
    pub holidays: Vec<String>,
    /// Claims: products whose figures are the groups.
    #[serde(default)]
    pub products: Vec<String>,
    /// Claims: grain of the periods, `week` or `month`.
    pub grain: Option<String>,
}

fn default_date() -> String {
    "date".to_owned()
}

/// One channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Its name; in the long layout as in the column of channels.
    pub name: String,
    /// Wide layout: the column of money spent; the name if nothing is said. Claims: the metric.
    pub spend: Option<String>,
    /// Wide layout: the column of impressions or clicks, if the curve should be over these. Claims: the metric.
    pub exposure: Option<String>,
}

/// Carry-over of exposure to later periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryOver {
    /// Each period keeps a share of the one before.
    Geometric,
    /// Also a peak some periods later, or a long tail.
    Weibull,
    /// Whichever of the two the history speaks for.
    #[default]
    Auto,
}

/// Saturation of exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Saturation {
    /// aˢ / (aˢ + hˢ): concave, or S-shaped where the history speaks for it.
    #[default]
    Hill,
    /// tanh: always concave.
    Logistic,
}

/// How unknowns are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The no-U-turn sampler: what the figures should be taken from.
    #[default]
    Nuts,
    /// A normal distribution about the most probable place: a first look in a fraction of a second.
    Laplace,
}

/// How the history is modelled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSettings {
    /// Carry-over: `auto`, `geometric`, `weibull`.
    pub carry_over: CarryOver,
    /// Saturation: `hill`, `logistic`.
    pub saturation: Saturation,
    /// Whether the level may drift, and bend about every ten weeks.
    pub trend: bool,
    /// Waves of the year (Fourier terms); 0 for none.
    pub n_waves: usize,
    /// How it is drawn: `nuts` or `laplace`.
    pub method: Method,
    /// Chains of the sampler.
    pub n_chains: usize,
    /// Draws of each chain that teach it and are thrown away.
    pub n_warm_up: usize,
    /// Draws of each chain that are kept.
    pub n_draws: usize,
    /// Periods at the end that a fit without them has to predict; 0 for none.
    pub n_held_out: Option<usize>,
    /// Seed of chance: the same gives the same.
    pub seed: u64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            carry_over: CarryOver::Auto,
            saturation: Saturation::Hill,
            trend: true,
            n_waves: 4,
            method: Method::Nuts,
            n_chains: 4,
            n_warm_up: 300,
            n_draws: 300,
            n_held_out: None,
            seed: 1,
        }
    }
}

/// What an experiment said: a channel's spend a period, kept at `spend_to` instead of `spend_from`, brought `effect` a period.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiftTest {
    /// The channel.
    pub channel: String,
    /// The product or region, where there are several; else the first.
    pub group: Option<String>,
    /// Spend a period without.
    pub spend_from: f64,
    /// Spend a period with.
    pub spend_to: f64,
    /// What it brought a period.
    pub effect: f64,
    /// Standard error of that.
    pub standard_error: f64,
}

/// What is to be planned.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSettings {
    /// Money for all channels and periods together; what a pool holds comes on top.
    pub budget: f64,
    /// Periods ahead.
    #[serde(default = "default_periods")]
    pub n_periods: usize,
    /// `mean`, or `quantile` for what is exceeded with probability 1 - `quantile`.
    #[serde(default)]
    pub objective: Objective,
    /// The quantile, 0 to 1.
    #[serde(default = "default_quantile")]
    pub quantile: f64,
    /// Whether what comes after the last period, carried over from it, counts.
    #[serde(default = "default_true")]
    pub counts_carry_over: bool,
    /// Money that one unit of outcome is worth. With it, money is left unspent where it would bring less than it costs.
    pub value_of_outcome: Option<f64>,
    /// Bounds of channels.
    #[serde(default)]
    pub channels: Vec<Bounds>,
    /// Own traffic, which has a budget and an opportunity cost of its own.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// What if a large company enters: what that did to others, by the market's own history.
    pub threat: Option<ThreatSettings>,
    /// Other budgets and bounds to set beside the plan.
    #[serde(default)]
    pub scenarios: Vec<Scenario>,
}

fn default_periods() -> usize {
    13
}

fn default_quantile() -> f64 {
    0.1
}

fn default_true() -> bool {
    true
}

/// What a plan makes as large as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The expected outcome.
    #[default]
    Mean,
    /// A quantile of the outcome: caution.
    Quantile,
}

/// Bounds of a channel, in money a period, for one group or for each.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The channel.
    pub name: String,
    /// The product or region; each, if nothing is said.
    pub group: Option<String>,
    /// At least this much a period.
    pub min: Option<f64>,
    /// At most this much a period.
    pub max: Option<f64>,
    /// Multiples of this only.
    pub step: Option<f64>,
    /// Nothing, or at least this much a period.
    pub min_if_any: Option<f64>,
    /// By at most this share of its present spend may a channel change from one period to the next.
    pub ramp: Option<f64>,
}

/// Own traffic: places in one's own products. It counts as money, at the price that its exposure could be sold for.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Channels that use it, and no other money.
    pub channels: Vec<String>,
    /// How much there is, all periods together.
    pub budget: f64,
    /// Outcome that one unit of it would bring elsewhere.
    #[serde(default)]
    pub opportunity_cost: f64,
}

/// A large company that may enter the segment.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ThreatSettings {
    /// The segment that is meant, or a product of it; the whole market if nothing is said.
    pub segment: Option<String>,
    /// The metric whose history tells; the outcome's if nothing is said.
    pub metric: Option<String>,
    /// Grain of that history: `month`, `week`, `quarter`.
    #[serde(default = "default_threat_grain")]
    pub grain: String,
    /// Periods after the entry that are looked at.
    #[serde(default = "default_threat_horizon")]
    pub horizon: usize,
    /// Probability that one enters within the plan, 0 to 1.
    #[serde(default = "default_probability")]
    pub probability: f64,
}

fn default_threat_grain() -> String {
    "month".to_owned()
}

fn default_threat_horizon() -> usize {
    6
}

fn default_probability() -> f64 {
    1.0
}

/// Another budget, or a channel held at a level, beside the plan.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Another budget.
    pub budget: Option<f64>,
    /// Bounds that take the place of the plan's.
    #[serde(default)]
    pub channels: Vec<Bounds>,
}
