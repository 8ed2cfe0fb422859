//! Why a probability is what it is, in words and numbers.
//!
//! In: what each number moved the log-odds by ([`crate::breakout::Model::reasons`]) and the numbers themselves. Out: the
//! three facts that count most towards a breakout, each a sentence with its number. Numbers of one kind are told once.

/// Facts told.
const N_FACTS: usize = 3;
/// Facts told of what speaks against it.
const N_AGAINST: usize = 2;

/// The facts that speak for a breakout, the weightiest first.
pub fn facts(names: &[String], row: &[f32], parts: &[(usize, f64)]) -> Vec<String> {
    told(names, row, parts.iter().filter(|(_, part)| *part > 0.0), N_FACTS)
}

/// What speaks against it, the weightiest first: what would have to change.
pub fn against(names: &[String], row: &[f32], parts: &[(usize, f64)]) -> Vec<String> {
    told(names, row, parts.iter().filter(|(_, part)| *part < 0.0), N_AGAINST)
}

fn told<'a>(
    names: &[String],
    row: &[f32],
    parts: impl Iterator<Item = &'a (usize, f64)>,
    n_facts: usize,
) -> Vec<String> {
    let mut told: Vec<&str> = Vec::new();
    let mut facts = Vec::new();
    for (place, _) in parts {
        let (Some(name), Some(value)) = (names.get(*place), row.get(*place)) else { continue };
        let (topic, sentence) = sentence(name, *value);
        if told.contains(&topic) || sentence.is_empty() {
            continue;
        }
        told.push(topic);
        facts.push(sentence);
        if facts.len() == n_facts {
            break;
        }
    }
    facts
}

fn ago(periods: f32) -> String {
    if periods.round() == 1.0 { "a period ago".to_owned() } else { format!("{periods:.0} periods ago") }
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
        "change_0" => {
            ("last change", format!("last period it went to {} its level before, less the market", times(value)))
        }
        "acceleration" => ("last change", format!("its last change was {} the one before", times(value))),
        "z_score" => ("last change", format!("its last change is {value:.1} times its usual one")),
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
        "age" | "n_periods" | "n_periods_12" | "run" if value < 1.0 => ("age", "it is new on the list".to_owned()),
        "age" => ("age", format!("it came to the list {}", ago(value))),
        "n_periods" | "n_periods_12" => ("age", format!("the list has told of it in {value:.0} periods")),
        "run" => ("age", format!("it has been on the list for {value:.0} periods without a gap")),
        "n_gaps" => ("age", format!("it was away from the list {value:.0} times")),
        "is_reentry" => {
            ("age", if value > 0.0 { "it came back to the list" } else { "it never left the list" }.to_owned())
        }
        _ if name.starts_with("deviation") => {
            ("liveliness", format!("it moved by a factor of {:.2} from one period to the next, of late", value.exp()))
        }
        _ if name.starts_with("typical") => {
            ("liveliness", format!("its usual change is by a factor of {:.2}", value.abs().exp()))
        }
        _ if name.starts_with("largest") => {
            ("liveliness", format!("its largest rise was to {} the level before", times(value)))
        }
        _ if name.starts_with("smallest") => {
            ("liveliness", format!("its least change was to {} the level before", times(value)))
        }
        "share_rising_6" => ("steadiness", format!("it rose in {:.0} % of its last six periods", 100.0 * value)),
        "median_change_6" => {
            ("steadiness", format!("its middle change of six periods was to {} the level before", times(value)))
        }
        _ if name.starts_with("word_") => {
            ("words", of_others("others with a word of its name", name.trim_end_matches("_best"), value))
        }
        "market_spread" => ("market", format!("{:.1} % of the list rose by more than half at once", value * 100.0)),
        _ => ("family", of_others(family(name), name, value)),
    }
}

/// Who is meant by a number of a family.
fn family(name: &str) -> &'static str {
    match name {
        _ if name.starts_with("first_two") => "others whose names begin with the same two words",
        _ if name.starts_with("first_three") => "others whose names begin with the same three words",
        _ if name.starts_with("last_word") => "others whose names end with the same word",
        _ => "others whose names begin with the same word",
    }
}

/// What others do: their number is a mean over them, of logarithms where it is about levels.
fn of_others(who: &str, name: &str, value: f32) -> String {
    match name {
        _ if name.ends_with("_change_beside") => format!("its last change was {} that of {who}", times(value)),
        _ if name.ends_with("_level_beside") => format!("it stands at {} the usual level of {who}", times(value)),
        _ if name.ends_with("_change") => {
            format!("{who} went to {} their level last period, less the market", times(value))
        }
        _ if name.ends_with("_growth_3") => {
            format!("{who} went to {} their level in 3 periods, less the market", times(value))
        }
        _ if name.ends_with("_growth_6") => {
            format!("{who} went to {} their level in 6 periods, less the market", times(value))
        }
        _ if name.ends_with("_level") => format!("{who} stand at {} the level that the list ends at", times(value)),
        _ if name.ends_with("_age") => format!("{who} came to the list {} on average", ago(value)),
        _ if name.ends_with("_over_high_12") => {
            format!("{who} are at {} their highs of the 12 periods before", times(value))
        }
        _ if name.ends_with("_n") => format!("there are {value:.0} {who}"),
        _ if name.ends_with("_hits") => format!("{:.0} % of {who} broke out before", 100.0 * value),
        _ if name.ends_with("_entries") => format!("{:.0} % of {who} are new on the list", 100.0 * value),
        _ => format!("{who}: {} {value:.2}", name.replace('_', " ")),
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
        assert_eq!(against(&names, &row, &parts), ["it came to the list 3 periods ago"]);
    }

    #[test]
    fn every_number_is_told_in_a_sentence_of_its_own() {
        for name in crate::features::OWN.iter().map(|name| (*name).to_owned()).chain(crate::families::names()) {
            let (_, told) = sentence(&name, 0.5);
            assert!(
                !told.is_empty() && (!told.contains(&name.replace('_', " ")) || !name.contains('_')),
                "{name}: {told}"
            );
        }
    }
}
