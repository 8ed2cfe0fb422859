//! Two names to levels: what is alike and what speaks against it, each with what is known of it beforehand.
//!
//! A level has two shares, in thousandths: of pairs that are the same and of candidates that are not. They are where
//! learning starts from, and it may move a weight by no more than [`super::weights::WEIGHT_MOVES_MAX`]: a market of package
//! names must not unlearn what a name is. Levels are packed into one whole number, four bits each.

use std::collections::HashSet;

use crowsnest_model::name::NameShape;

use super::names::Name;

/// What a comparison can find.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) words: &'static str,
    /// Share among pairs that are the same, in thousandths.
    pub(crate) same: f64,
    /// Share among candidates that are not.
    pub(crate) other: f64,
}

/// One comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) levels: &'static [Level],
}

const fn level(words: &'static str, same: f64, other: f64) -> Level {
    Level { words, same, other }
}

/// All of them, in the order in which their levels are packed.
pub(crate) static COMPARISONS: &[Comparison] = &[
    Comparison {
        name: "names",
        levels: &[
            level("the same but for legal form, script, blanks and words that say nothing", 400.0, 0.2),
            level("the same when read aloud or word by word in English", 150.0, 0.2),
            level("the same words in another order", 20.0, 1.0),
            level("one letter apart", 130.0, 5.0),
            level("two letters apart", 50.0, 8.0),
            level("one Chinese character apart", 20.0, 40.0),
            level("the same but for a company's name", 60.0, 0.4),
            level("one is short for the other", 40.0, 60.0),
            level("one is in the other, with more words", 40.0, 200.0),
            level("alike", 60.0, 80.0),
            level("somewhat alike", 30.0, 160.0),
            level("not alike", 30.0, 440.0),
        ],
    },
    Comparison {
        name: "numbers in the names",
        levels: &[
            level("the same", 900.0, 200.0),
            level("only one has any, or more of them", 95.0, 350.0),
            level("different", 5.0, 450.0),
        ],
    },
    Comparison {
        name: "ids",
        levels: &[level("the same id", 900.0, 8.0), level("two ids in one source", 100.0, 992.0)],
    },
    Comparison {
        name: "sources",
        levels: &[
            level("a source that lists many names lists both", 15.0, 500.0),
            level("a source names both", 285.0, 200.0),
            level("no source names both", 700.0, 300.0),
        ],
    },
    Comparison { name: "developers", levels: &[level("the same", 900.0, 80.0), level("different", 100.0, 920.0)] },
    Comparison { name: "domains", levels: &[level("the same", 900.0, 60.0), level("different", 100.0, 940.0)] },
    Comparison {
        name: "owners",
        levels: &[level("the same company", 950.0, 300.0), level("different companies", 50.0, 700.0)],
    },
    Comparison {
        name: "figures",
        levels: &[
            level("the same figures for the same periods", 250.0, 15.0),
            level("figures that rise and fall together", 200.0, 25.0),
            level("figures alike in size", 250.0, 130.0),
            level("figures within threefold of each other", 200.0, 330.0),
            level("figures far apart", 100.0, 500.0),
        ],
    },
];

/// The places of some comparisons.
pub(crate) const NAMES: usize = 0;
pub(crate) const NUMBERS: usize = 1;
const FIGURES: usize = 7;
/// Levels of names that leave open what a pair is: one in the other, short for it, or alike.
const OPEN: std::ops::RangeInclusive<usize> = 5..=9;
/// The level of names that are the same when read.
const READ_ALIKE: u8 = 1;
const BITS: usize = 4;
/// Stands for "nothing is said".
const UNSAID: u64 = 0xF;
/// A source with so many names is one that lists them.
const LISTING_MIN: usize = 100;

/// The levels of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pattern(pub(crate) i64);

impl Pattern {
    fn of(levels: [Option<u8>; 8]) -> Self {
        let packed = levels
            .iter()
            .enumerate()
            .fold(0_u64, |packed, (place, level)| packed | level.map_or(UNSAID, u64::from) << (place * BITS));
        Self(packed as i64)
    }

    /// The same with a level of the figures, which are looked at last.
    pub(crate) fn with_figures(self, level: Option<u8>) -> Self {
        let Some(level) = level else { return self };
        let place = FIGURES * BITS;
        Self(((self.0 as u64 & !(UNSAID << place)) | u64::from(level) << place) as i64)
    }

    /// The level of a comparison; `None` where nothing is said.
    pub(crate) fn level(self, comparison: usize) -> Option<usize> {
        let level = (self.0 as u64 >> (comparison * BITS)) & UNSAID;
        let n_levels = COMPARISONS.get(comparison)?.levels.len() as u64;
        (level < n_levels).then_some(level as usize)
    }
}

/// What is known of the market besides the pair.
#[derive(Debug, Default)]
pub(crate) struct Market {
    /// Readings of what pairs have more that are those of companies' names.
    pub(crate) company_readings: HashSet<String>,
    /// How many names each source has.
    pub(crate) names_of_source: Vec<usize>,
}

/// Compares two names of one kind.
pub(crate) fn compare(market: &Market, left: &Name, right: &Name) -> Pattern {
    let of_names = names(market, &left.shape, &right.shape);
    Pattern::of([
        Some(of_names),
        // What reads the same may have its numbers in characters: 零一, 01.
        if of_names == READ_ALIKE { None } else { numbers(&left.shape.numbers, &right.shape.numbers) },
        ids(left, right),
        Some(sources(market, left, right)),
        texts(&left.developers, &right.developers),
        texts(&left.domains, &right.domains),
        owners(left, right),
        None,
    ])
}

/// Whether the levels leave open what names say: one is in the other, or short for it; or they are of two scripts, or the one may
/// be the first letters of the other's words.
pub(crate) fn is_open(pattern: Pattern, left: &NameShape, right: &NameShape) -> bool {
    let Some(level) = pattern.level(NAMES) else { return false };
    if level < *OPEN.start() || left.is_empty() || right.is_empty() {
        return false;
    }
    let are_of_two_scripts = left.core.is_ascii() != right.core.is_ascii();
    let is_acronym =
        |short: &NameShape, long: &NameShape| short.words.len() == 1 && short.core.len() <= 6 && long.words.len() > 1;
    OPEN.contains(&level) || are_of_two_scripts || is_acronym(left, right) || is_acronym(right, left)
}

/// What is left of a longer Chinese name that begins or ends with a shorter one, in the ways in which it can be read, if it may be a
/// company's name.
pub(crate) fn readings_of_rest(left: &NameShape, right: &NameShape) -> Vec<String> {
    let (short, long) =
        if left.core.len() <= right.core.len() { (&left.core, &right.core) } else { (&right.core, &left.core) };
    rest_of(short, long).map_or_else(Vec::new, |rest| NameShape::of(crowsnest_model::Kind::Company, rest).readings)
}

fn names(market: &Market, left: &NameShape, right: &NameShape) -> u8 {
    if left.is_empty() || right.is_empty() {
        return 11;
    }
    if left.core == right.core {
        return 0;
    }
    let readings = || left.readings.iter().flat_map(|one| right.readings.iter().map(move |other| (one, other)));
    if readings().any(|(one, other)| one == other) {
        return 1;
    }
    if is_reordered(&left.words, &right.words) {
        return 2;
    }
    let is_any_of_letters = left.core.is_ascii() || right.core.is_ascii();
    if is_any_of_letters {
        match readings().filter_map(|(one, other)| few_mistakes(one, other)).min() {
            Some(1) => return 3,
            Some(_) => return 4,
            None => {}
        }
    }
    let (short, long) =
        if left.core.len() <= right.core.len() { (&left.core, &right.core) } else { (&right.core, &left.core) };
    if rest_of(short, long).is_some() {
        let rest = readings_of_rest(left, right);
        let is_company = rest.iter().any(|reading| market.company_readings.contains(reading));
        return if is_company { 6 } else { 8 };
    }
    let are_of_one_script = left.core.is_ascii() == right.core.is_ascii();
    if are_of_one_script && !short.is_ascii() {
        let (one, other): (Vec<char>, Vec<char>) = (left.core.chars().collect(), right.core.chars().collect());
        if one.len() == other.len() && one.len() >= 4 && one.iter().zip(&other).filter(|(a, b)| a != b).count() == 1 {
            return 5;
        }
    }
    if is_short_for(short, long) || is_acronym(left, right) || is_acronym(right, left) {
        return 7;
    }
    if are_words_within(&left.words, &right.words) || are_words_within(&right.words, &left.words) {
        return 8;
    }
    let likeness = readings().map(|(one, other)| strsim::jaro_winkler(one, other)).fold(0.0, f64::max);
    if likeness >= 0.92 {
        9
    } else if likeness >= 0.85 {
        10
    } else {
        11
    }
}

fn is_reordered(left: &[String], right: &[String]) -> bool {
    let sorted = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort_unstable();
        words
    };
    left.len() > 1 && left.len() == right.len() && sorted(left) == sorted(right)
}

/// One or two letters that are wrong, missing, too many or swapped, in words long enough for it to be a mistake.
fn few_mistakes(one: &str, other: &str) -> Option<usize> {
    let (n_one, n_other) = (one.len(), other.len());
    let n_short = n_one.min(n_other);
    if n_short < 6 || n_one.abs_diff(n_other) > 2 {
        return None;
    }
    let allowed = if n_short >= 10 { 2 } else { 1 };
    let n = strsim::osa_distance(one, other);
    (n <= allowed).then_some(n)
}

/// What is left of a longer Chinese name that begins or ends with a shorter one.
fn rest_of<'a>(short: &str, long: &'a str) -> Option<&'a str> {
    let is_enough = !short.is_ascii() && short.chars().count() >= 2 && short.len() < long.len();
    let rest = long.strip_suffix(short).or_else(|| long.strip_prefix(short))?;
    is_enough.then_some(rest)
}

/// `中移动` for `中国移动`: characters of the other in their order, beginning where it begins.
fn is_short_for(short: &str, long: &str) -> bool {
    let n_short = short.chars().count();
    if short.is_ascii() || n_short < 2 || n_short >= long.chars().count() || short.chars().next() != long.chars().next()
    {
        return false;
    }
    let mut rest = long.chars();
    short.chars().all(|letter| rest.any(|other| other == letter))
}

fn is_acronym(short: &NameShape, long: &NameShape) -> bool {
    let n_words = long.words.len();
    (3..=6).contains(&n_words)
        && short.core.is_ascii()
        && short.core.len() == n_words
        && long.words.iter().zip(short.core.chars()).all(|(word, letter)| word.starts_with(letter))
}

fn are_words_within(short: &[String], long: &[String]) -> bool {
    !short.is_empty() && short.len() < long.len() && short.iter().all(|word| long.contains(word))
}

fn numbers(left: &[String], right: &[String]) -> Option<u8> {
    if left.is_empty() && right.is_empty() {
        return None;
    }
    if left == right {
        return Some(0);
    }
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    let is_within = short.len() < long.len() && short.iter().all(|number| long.contains(number));
    Some(if is_within { 1 } else { 2 })
}

fn ids(left: &Name, right: &Name) -> Option<u8> {
    if left.ids.iter().any(|(_, id)| right.ids.iter().any(|(_, other)| id == other)) {
        return Some(0);
    }
    let are_in_one_source =
        left.ids.iter().any(|(source, _)| right.ids.iter().any(|(other_source, _)| source == other_source));
    are_in_one_source.then_some(1)
}

fn sources(market: &Market, left: &Name, right: &Name) -> u8 {
    let common = left.sources.iter().filter(|source| right.sources.contains(source));
    let n_names = common.map(|source| market.names_of_source[*source as usize]).max();
    match n_names {
        Some(n) if n >= LISTING_MIN => 0,
        Some(_) => 1,
        None => 2,
    }
}

fn texts(left: &[String], right: &[String]) -> Option<u8> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    Some(u8::from(!left.iter().any(|text| right.contains(text))))
}

fn owners(left: &Name, right: &Name) -> Option<u8> {
    let (one, other) = (left.owner?, right.owner?);
    Some(u8::from(one != other))
}

#[cfg(test)]
mod tests {
    use crowsnest_model::Kind;

    use super::*;

    fn found(kind: Kind, left: &str, right: &str) -> &'static str {
        let market = Market { company_readings: HashSet::from(["tengxun".to_owned()]), names_of_source: Vec::new() };
        let of = |name: &str| Name { shape: NameShape::of(kind, name), ..Name::default() };
        let level = compare(&market, &of(left), &of(right)).level(0).unwrap();
        COMPARISONS[0].levels[level].words
    }

    #[test]
    fn names_by_hand() {
        for (left, right, words) in [
            ("豆包", "Doubao", "the same when read aloud or word by word in English"),
            ("Mircosoft Office", "Microsoft Office", "one letter apart"),
            ("腾讯元宝", "元宝", "the same but for a company's name"),
            ("豆包大模型", "豆包", "one is in the other, with more words"),
            ("Office Microsoft", "Microsoft Office", "the same words in another order"),
            ("Kimi", "豆包", "not alike"),
        ] {
            assert_eq!(found(Kind::Product, left, right), words, "{left} {right}");
        }
        assert_eq!(found(Kind::Company, "中移动", "中国移动"), "one is short for the other");
        assert_eq!(found(Kind::Company, "International Business Machines", "IBM"), "one is short for the other");
        let same = "the same but for legal form, script, blanks and words that say nothing";
        assert_eq!(found(Kind::Company, "智譜", "智谱AI有限公司"), same);
    }

    #[test]
    fn levels_are_packed_and_read_back() {
        let pattern = Pattern::of([Some(11), Some(2), None, Some(0), None, Some(1), Some(0), None]);
        let levels: Vec<Option<usize>> = (0..8).map(|place| pattern.level(place)).collect();
        assert_eq!(levels, [Some(11), Some(2), None, Some(0), None, Some(1), Some(0), None]);
        assert_eq!(pattern.with_figures(Some(3)).level(FIGURES), Some(3));
        assert_eq!((pattern.with_figures(None), pattern.level(8)), (pattern, None));
    }
}
