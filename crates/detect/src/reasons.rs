//! Why a probability is what it is, in words and numbers.
//!
//! In: what each number moved the log-odds by ([`crate::breakout::Model::reasons`]) and the numbers themselves. Out: the
//! three facts that count most towards a breakout, each a sentence with its number. Numbers of one kind are told once.

/// Facts told.
const N_FACTS: usize = 3;

/// The facts that speak for a breakout, the weightiest first.
pub fn facts(names: &[String], row: &[f32], parts: &[(usize, f64)]) -> Vec<String> {
    let mut told: Vec<&str> = Vec::new();
    let mut facts = Vec::new();
    for (place, _) in parts.iter().filter(|(_, part)| *part > 0.0) {
        let (Some(name), Some(value)) = (names.get(*place), row.get(*place)) else { continue };
        let (topic, sentence) = sentence(name, *value);
        if told.contains(&topic) || sentence.is_empty() {
            continue;
        }
        told.push(topic);
        facts.push(sentence);
        if facts.len() == N_FACTS {
            break;
        }
    }
    facts
}

fn times(log: f32) -> String {
    format!("{:.2} times", log.exp())
}

/// What a number is about, and how it is told; empty where it cannot be.
fn sentence(name: &str, value: f32) -> (&'static str, String) {
    if value.is_nan() {
        return absent(name);
    }
    let periods = |text: &str| text.rsplit('_').next().unwrap_or_default().to_owned();
    match name {
        "change_0" | "acceleration" | "z_score" => {
            ("last change", format!("its last change stands out: {name} {value:.2} on the log scale"))
        }
        _ if name.starts_with("change_") => (
            "earlier changes",
            format!("{} periods ago it went to {} its level, less the market", periods(name), times(value)),
        ),
        _ if name.starts_with("growth_") => {
            ("growth", format!("it is at {} its level of {} periods ago, less the market", times(value), periods(name)))
        }
        _ if name.starts_with("rank_growth_") => {
            ("rank", format!("its place in {} periods moved by a factor of {:.2}", periods(name), value.exp()))
        }
        _ if name.starts_with("over_high") => ("own high", format!("it is at {} its own past high", times(value))),
        _ if name.starts_with("over_low") || name.starts_with("over_median") => {
            ("own past", format!("it is at {} its own usual or lowest past level", times(value)))
        }
        "level_over_floor" | "mean_over_floor_12" | "entered_over_floor" => {
            ("floor", format!("it stands at {} the level that the list ends at", times(value)))
        }
        "log_rank" => ("place", format!("it is at place {:.0} of the list", value.exp())),
        "rank_share" => ("place", format!("it is in the {:.0} % of the list", value * 100.0)),
        "age" | "n_periods" | "n_periods_12" | "run" | "n_gaps" | "is_reentry" => {
            ("age", format!("how long the list has had it: {} {value:.0}", name.replace('_', " ")))
        }
        _ if name.starts_with("deviation")
            || name.contains("typical")
            || name.contains("largest")
            || name.contains("smallest") =>
        {
            ("liveliness", format!("how much it moves: {} {value:.2} on the log scale", name.replace('_', " ")))
        }
        "share_rising_6" | "median_change_6" => {
            ("steadiness", format!("its last half dozen changes: {} {value:.2}", name.replace('_', " ")))
        }
        _ if name.starts_with("word_") => {
            ("words", format!("others with the same words in their names: {} {value:.2}", name.replace('_', " ")))
        }
        "market_spread" => ("market", format!("{:.1} % of the list rose by more than half at once", value * 100.0)),
        _ => ("family", format!("others of its family by name: {} {value:.2}", name.replace('_', " "))),
    }
}

/// What it means that a number is not there.
fn absent(name: &str) -> (&'static str, String) {
    match name {
        _ if name.starts_with("change_") || name.starts_with("growth_") => {
            ("gaps", "it was not on the list in some of the periods before".to_owned())
        }
        "age" => ("age", "it has been on the list from its beginning".to_owned()),
        _ => ("", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_facts_are_told_once_each() {
        let names = ["growth_3", "growth_6", "log_rank", "over_high", "age"].map(str::to_owned);
        let row = [2_f32.ln(), 0.1, 5000_f32.ln(), f32::NAN, 3.0];
        let parts = [(0, 0.9), (1, 0.8), (3, 0.7), (2, 0.5), (4, -0.4)];
        let facts = facts(&names, &row, &parts);
        assert_eq!(
            facts,
            ["it is at 2.00 times its level of 3 periods ago, less the market", "it is at place 5000 of the list"]
        );
    }
}
