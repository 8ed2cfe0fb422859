//! Slopes of the model held to differences.

use super::*;
use crate::history::{Group, Named};
use crate::settings::ModelSettings;

/// A made-up history: 60 weeks, two channels, two groups.
pub(crate) fn history() -> History {
    let n = 60;
    let mut random = crowsnest_learn::random::Random::new(5);
    let mut group = |name: &str| {
        let spend: Vec<Vec<f64>> = (0..2)
            .map(|_| {
                (0..n).map(|_| (random.normal() * 0.5 + 3.0).exp() * f64::from(random.below(4) as u8 > 0)).collect()
            })
            .collect();
        let mut outcome: Vec<f64> = (0..n).map(|at| 500.0 + 2.0 * spend[0][at] + 30.0 * random.normal()).collect();
        outcome[7] = f64::NAN;
        Group {
            name: name.to_owned(),
            outcome,
            exposure: spend.clone(),
            spend,
            controls: vec![Named { name: "rival".into(), values: (0..n).map(|_| random.normal()).collect() }],
            events: Vec::new(),
        }
    };
    let groups = vec![group("a"), group("b")];
    History {
        periods: (0..n).map(|at| at.to_string()).collect(),
        periods_per_year: 52.18,
        start_of_year: 0.0,
        channels: vec!["tv".into(), "search".into()],
        groups,
        notes: Vec::new(),
        inputs: String::new(),
    }
}

#[test]
fn slopes_are_those_of_the_density() {
    let test = LiftTest {
        channel: "tv".into(),
        group: Some("b".into()),
        spend_from: 0.0,
        spend_to: 20.0,
        effect: 30.0,
        standard_error: 5.0,
    };
    for (carry_over, saturation) in [
        (CarryOver::Geometric, Saturation::Hill),
        (CarryOver::Weibull, Saturation::Hill),
        (CarryOver::Geometric, Saturation::Logistic),
    ] {
        let settings = ModelSettings { saturation, ..ModelSettings::default() };
        let mut model = Model::new(&history(), &settings, carry_over, std::slice::from_ref(&test));
        model.groups[1].set_echo(0.3);
        let mut random = crowsnest_learn::random::Random::new(9);
        let at: Vec<f64> = (0..model.n_unknown()).map(|_| 0.5 * random.normal()).collect();
        let mut slopes = vec![0.0; at.len()];
        let mut unused = slopes.clone();
        model.log_posterior(&at, &mut slopes);
        for place in 0..at.len() {
            let (mut up, mut down) = (at.clone(), at.clone());
            up[place] += 1e-5;
            down[place] -= 1e-5;
            let difference = (model.log_posterior(&up, &mut unused) - model.log_posterior(&down, &mut unused)) / 2e-5;
            let off = (difference - slopes[place]).abs() / (1.0 + difference.abs());
            assert!(off < 2e-5, "{carry_over:?} {saturation:?} {place}: {difference} {}", slopes[place]);
        }
    }
}
