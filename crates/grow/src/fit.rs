//! From a model and a history to draws of what is unknown: the most probable place first, then a normal distribution about
//! it or chains of the sampler, started there.
//!
//! Invariant: the same history, settings and seed give the same draws, however many cores there are.

use crowsnest_learn::descent;
use crowsnest_learn::positive::Cholesky;
use crowsnest_learn::random::Random;
use crowsnest_learn::sampling::diagnostics::agreement;
use crowsnest_learn::sampling::{self, Chain};
use rayon::prelude::*;

use crate::history::History;
use crate::model::Model;
use crate::settings::{CarryOver, LiftTest, Method, ModelSettings};

/// A fitted model.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    pub(crate) model: Model,
    /// Draws of the unknowns, chain after chain.
    pub(crate) draws: Vec<Vec<f64>>,
    pub(crate) sampler: Sampler,
}

/// How well drawing went.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Sampler {
    /// `nuts`, or `laplace`.
    pub method: Method,
    /// Carry-over that was used.
    pub carry_over: CarryOver,
    /// ln of how much the history speaks for Weibull instead of geometric carry-over; nothing where it was not asked.
    pub log_evidence_for_weibull: Option<f64>,
    /// Chains.
    pub n_chains: usize,
    /// Draws kept.
    pub n_draws: usize,
    /// Largest R-hat of any unknown; over 1.05 the chains do not agree.
    pub r_hat_max: Option<f64>,
    /// Least effective sample size of any unknown.
    pub n_effective_min: Option<f64>,
    /// Trajectories whose energy ran away.
    pub n_divergences: usize,
    /// Trajectories that were cut off.
    pub n_cut_off: usize,
    /// How often the density was asked for.
    pub n_evaluations: usize,
    /// What of each period's noise repeats the period before, by group; it is taken into account.
    pub autocorrelation: Vec<f64>,
}

const N_LAPLACE: usize = 1200;
/// From here on, noise counts as repeating itself.
const ECHO_MIN: f64 = 0.15;

/// Fits a history.
///
/// `None` if no place has a finite density, which no history that was checked brings about.
pub(crate) fn fit(history: &History, settings: &ModelSettings, lift_tests: &[LiftTest]) -> Option<Fitted> {
    let (mut model, mut mode, evidence) = choose(history, settings, lift_tests)?;
    if take_out_echo(&mut model, &mode.at) {
        mode = Mode::of(&model, &mode.at)?;
    }
    let (draws, mut sampler) = match settings.method {
        Method::Laplace => (mode.draws(settings.seed), Sampler::of_mode(&model, &mode)),
        Method::Nuts => chains(&model, &mode, settings)?,
    };
    sampler.log_evidence_for_weibull = evidence;
    Some(Fitted { model, draws, sampler })
}

fn choose(history: &History, settings: &ModelSettings, lift_tests: &[LiftTest]) -> Option<(Model, Mode, Option<f64>)> {
    let with = |carry_over| {
        let model = Model::new(history, settings, carry_over, lift_tests);
        let mode = Mode::of(&model, &vec![0.0; model.n_unknown()])?;
        Some((model, mode))
    };
    if settings.carry_over != CarryOver::Auto {
        let (model, mode) = with(settings.carry_over)?;
        return Some((model, mode, None));
    }
    let geometric = with(CarryOver::Geometric)?;
    let weibull = with(CarryOver::Weibull)?;
    let evidence = weibull.1.log_evidence - geometric.1.log_evidence;
    let (model, mode) = if evidence > 0.0 { weibull } else { geometric };
    Some((model, mode, Some(evidence)))
}

/// The most probable place, and how the density falls off about it.
#[derive(Debug, Clone)]
pub(crate) struct Mode {
    at: Vec<f64>,
    covariance: Vec<f64>,
    log_evidence: f64,
    n_evaluations: usize,
}

impl Mode {
    fn of(model: &Model, start: &[f64]) -> Option<Self> {
        let mut n_evaluations = 0;
        let downhill = |at: &[f64], slopes: &mut [f64]| {
            n_evaluations += 1;
            let value = model.log_posterior(at, slopes);
            slopes.iter_mut().for_each(|slope| *slope = -*slope);
            -value
        };
        let least = descent::least(downhill, start, 3000, 1e-5);
        if !least.value.is_finite() {
            return None;
        }
        let n = start.len();
        let bend = bend(model, &least.at);
        let factor = Cholesky::of_nearly(&bend, n)?;
        let log_evidence = -least.value + 0.5 * n as f64 * std::f64::consts::TAU.ln()
            - 0.5 * factor.log_determinant()
            - 0.5 * n as f64 * std::f64::consts::TAU.ln();
        Some(Self { at: least.at, covariance: factor.inverse(), log_evidence, n_evaluations: n_evaluations + 2 * n })
    }

    fn draws(&self, seed: u64) -> Vec<Vec<f64>> {
        let n = self.at.len();
        let mut random = Random::new(seed);
        let Some(factor) = Cholesky::of_nearly(&self.covariance, n) else { return vec![self.at.clone(); 2] };
        (0..N_LAPLACE)
            .map(|_| {
                let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
                factor.times(&z).iter().zip(&self.at).map(|(moved, at)| moved + at).collect()
            })
            .collect()
    }
}

/// Second derivatives of minus the log density, from differences of its slopes.
fn bend(model: &Model, at: &[f64]) -> Vec<f64> {
    let n = at.len();
    let width = 1e-4;
    let mut bend = vec![0.0; n * n];
    let (mut up, mut down) = (vec![0.0; n], vec![0.0; n]);
    for row in 0..n {
        let mut place = at.to_vec();
        place[row] += width;
        model.log_posterior(&place, &mut up);
        place[row] -= 2.0 * width;
        model.log_posterior(&place, &mut down);
        for column in 0..n {
            let slope = (down[column] - up[column]) / (4.0 * width);
            bend[row * n + column] += slope;
            bend[column * n + row] += slope;
        }
    }
    bend
}

/// Takes out of each group's noise what repeats itself; says whether there was any.
fn take_out_echo(model: &mut Model, at: &[f64]) -> bool {
    let mut is_any = false;
    for group in 0..model.groups.len() {
        let noise = residuals(model, at, group);
        let (mut with, mut of) = (0.0, 0.0);
        for two in noise.windows(2).filter(|two| two.iter().all(|value| value.is_finite())) {
            with += two[0] * two[1];
            of += two[0] * two[0];
        }
        let echo = (with / f64::max(of, 1e-12)).clamp(-0.4, 0.8);
        // Taking out a background leaves noise that seems to swing back: only what goes on is believed.
        if echo > ECHO_MIN {
            model.groups[group].set_echo(echo);
            is_any = true;
        }
    }
    is_any
}

/// What background and channels leave of a group's outcome, in spreads; no number where it is unknown.
pub(crate) fn residuals(model: &Model, at: &[f64], group: usize) -> Vec<f64> {
    let (coefficients, parts) = model.parts(at, group, None);
    let of = &model.groups[group];
    let mut left = of.outcome.clone();
    parts.iter().for_each(|part| left.iter_mut().zip(part).for_each(|(left, part)| *left -= part));
    let background = of.background.part(&coefficients, None);
    left.iter()
        .zip(background)
        .zip(&of.weights)
        .map(|((left, background), weight)| if *weight > 0.0 { left - background } else { f64::NAN })
        .collect()
}

impl Sampler {
    fn of_mode(model: &Model, mode: &Mode) -> Self {
        Self {
            method: Method::Laplace,
            carry_over: model.carry_over,
            log_evidence_for_weibull: None,
            n_chains: 0,
            n_draws: N_LAPLACE,
            r_hat_max: None,
            n_effective_min: None,
            n_divergences: 0,
            n_cut_off: 0,
            n_evaluations: mode.n_evaluations,
            autocorrelation: model.groups.iter().map(|group| group.echo).collect(),
        }
    }
}

fn chains(model: &Model, mode: &Mode, settings: &ModelSettings) -> Option<(Vec<Vec<f64>>, Sampler)> {
    let how = sampling::Settings {
        n_warm_up: settings.n_warm_up.max(50),
        n_draws: settings.n_draws.max(10),
        n_doublings_max: 8,
        acceptance: 0.92,
    };
    let n = mode.at.len();
    let factor = Cholesky::of_nearly(&mode.covariance, n)?;
    let run = |chain: usize| {
        let seed = settings.seed.wrapping_mul(1000).wrapping_add(chain as u64);
        let mut random = Random::new(seed ^ 0xabcd);
        let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let start: Vec<f64> =
            factor.times(&z).iter().zip(&mode.at).map(|(moved, at)| at + moved.clamp(-2.0, 2.0)).collect();
        let density = |at: &[f64], slopes: &mut [f64]| model.log_posterior(at, slopes);
        sampling::chain(density, &start, &mode.covariance, &how, seed)
            .or_else(|| sampling::chain(density, &mode.at, &mode.covariance, &how, seed))
    };
    let chains: Vec<Chain> = (0..settings.n_chains.max(1)).into_par_iter().filter_map(run).collect();
    if chains.is_empty() {
        return None;
    }
    let agreements: Vec<_> = (0..n)
        .map(|at| {
            agreement(&chains.iter().map(|chain| chain.draws.iter().map(|draw| draw[at]).collect()).collect::<Vec<_>>())
        })
        .collect();
    let sampler = Sampler {
        method: Method::Nuts,
        n_chains: chains.len(),
        n_draws: chains.iter().map(|chain| chain.draws.len()).sum(),
        r_hat_max: Some(agreements.iter().map(|own| own.r_hat).fold(0.0, f64::max)),
        n_effective_min: Some(agreements.iter().map(|own| own.n_effective).fold(f64::INFINITY, f64::min)),
        n_divergences: chains.iter().map(|chain| chain.n_divergences).sum(),
        n_cut_off: chains.iter().map(|chain| chain.n_cut_off).sum(),
        n_evaluations: mode.n_evaluations + chains.iter().map(|chain| chain.n_evaluations).sum::<usize>(),
        ..Sampler::of_mode(model, mode)
    };
    Some((chains.into_iter().flat_map(|chain| chain.draws).collect(), sampler))
}
