//! A Chinese name as a row of words: known ones, the longest first, and what is left between them by twos.
//!
//! `中国船舶工业集团有限公司` is 中国 | 船舶 | 工业 | 集团有限公司. Short forms take a character of each word, acronyms a letter. Words come
//! from a lexicon; legal forms and the country are told apart, because short forms leave them out or not as they like.

use super::lexicon::Lexicon;

/// Forms and other words at an end that a short form may leave out.
const FORMS: &[&str] = &[
    "集团股份有限公司",
    "集团有限责任公司",
    "控股集团有限公司",
    "集团有限公司",
    "股份有限公司",
    "有限责任公司",
    "控股有限公司",
    "股份公司",
    "有限公司",
    "总公司",
    "分公司",
    "公司",
    "集团",
    "控股",
    "股份",
    "有限",
    "总局",
    "株式会社",
];
const COUNTRY: &str = "中国";
/// Characters of the longest word.
const CHARACTERS_MAX: usize = 8;

/// What a word of a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// 中国.
    Country,
    /// A legal form, or what stands beside it.
    Form,
    /// A word that the lexicon has.
    Known,
    /// Something else: most likely what the name is about.
    Other,
}

/// A word of a name: its characters from one place up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) sort: Sort,
}

/// The words of a name, in order; they cover it without gaps.
pub(crate) fn segments(han: &[char], lexicon: &Lexicon) -> Vec<Segment> {
    let mut found: Vec<Segment> = Vec::new();
    let mut start = 0;
    let mut unknown_from = 0;
    while start < han.len() {
        let longest = (2..=CHARACTERS_MAX.min(han.len() - start))
            .rev()
            .find_map(|n| Some((n, sort_of(&han[start..start + n], lexicon)?)));
        let Some((n, sort)) = longest else {
            start += 1;
            continue;
        };
        leave_unknown(&mut found, unknown_from, start);
        found.push(Segment { start, end: start + n, sort });
        start += n;
        unknown_from = start;
    }
    leave_unknown(&mut found, unknown_from, han.len());
    found
}

/// Characters that are no known word: by twos, the last of them by three.
fn leave_unknown(found: &mut Vec<Segment>, from: usize, to: usize) {
    let mut at = from;
    while at < to {
        let end = if to - at <= 3 { to } else { at + 2 };
        found.push(Segment { start: at, end, sort: Sort::Other });
        at = end;
    }
}

fn sort_of(run: &[char], lexicon: &Lexicon) -> Option<Sort> {
    let is = |text: &str| text.chars().eq(run.iter().copied());
    if is(COUNTRY) {
        Some(Sort::Country)
    } else if FORMS.iter().any(|form| is(form)) {
        Some(Sort::Form)
    } else {
        lexicon.is_word(run).then_some(Sort::Known)
    }
}

/// How a short form is made from the words of a longer name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shortening {
    /// Share of the words that are neither form nor country of which it has a character.
    pub(crate) words_met: f32,
    /// Of its own characters the share that begin a word.
    pub(crate) begins: f32,
    /// Known words that it leaves out, behind the last one that it has a character of.
    pub(crate) n_known_behind: f32,
    /// Words but known ones, forms and the country that it leaves out.
    pub(crate) n_other_left: f32,
    /// Known words that it leaves out in front of the first one that it has a character of.
    pub(crate) n_known_before: f32,
}

/// Looks at some places of a longer name, in order, that a short form has.
pub(crate) fn shortening(places: &[usize], segments: &[Segment]) -> Shortening {
    let has = |segment: &Segment| places.iter().any(|place| (segment.start..segment.end).contains(place));
    let telling: Vec<&Segment> =
        segments.iter().filter(|segment| matches!(segment.sort, Sort::Known | Sort::Other)).collect();
    let n_met = telling.iter().filter(|segment| has(segment)).count();
    let n_begin = places.iter().filter(|place| segments.iter().any(|segment| segment.start == **place)).count();
    let first = telling.iter().position(|segment| has(segment)).unwrap_or(0);
    let last = telling.iter().rposition(|segment| has(segment)).unwrap_or(0);
    let left = |sort: Sort, from: usize, to: usize| {
        telling[from..to.max(from)].iter().filter(|segment| segment.sort == sort && !has(segment)).count() as f32
    };
    let n = telling.len();
    Shortening {
        words_met: n_met as f32 / n.max(1) as f32,
        begins: n_begin as f32 / places.len().max(1) as f32,
        n_known_behind: left(Sort::Known, (last + 1).min(n), n),
        n_other_left: left(Sort::Other, 0, n),
        n_known_before: left(Sort::Known, 0, first),
    }
}

/// How many of an acronym's letters come, in order, from the words of a name, and how many words give none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Initials {
    /// Share of the letters that come from a word.
    pub(crate) letters: f32,
    /// Words but forms and the country that give none.
    pub(crate) n_words_left: f32,
}

/// What a word that is left out costs, against a letter that is found.
const LEFT_OUT: f32 = 0.4;

/// The best way to make letters out of the words of a name, in order: each word gives nothing, the first letter of its
/// meaning or sound, or those of the sounds of all its characters.
pub(crate) fn initials(
    letters: &[char],
    han: &[char],
    syllables: &[String],
    segments: &[Segment],
    lexicon: &Lexicon,
) -> Initials {
    // best[n]: of the letters up to n the value, those found, and the words left out.
    let n_letters = letters.len();
    let nothing = (f32::NEG_INFINITY, 0.0, 0.0);
    let mut best = vec![nothing; n_letters + 1];
    best[0] = (0.0, 0.0, 0.0);
    for segment in segments {
        let cost = if matches!(segment.sort, Sort::Known | Sort::Other) { LEFT_OUT } else { 0.0 };
        let left = if cost > 0.0 { 1.0 } else { 0.0 };
        let mut next: Vec<(f32, f32, f32)> =
            best.iter().map(|(value, found, n)| (value - cost, *found, n + left)).collect();
        for begin in 0..n_letters {
            // Letters that nothing gives are skipped at no gain.
            for run in runs_of(segment, han, syllables, lexicon) {
                let end = begin + run.len();
                if end <= n_letters && run == letters[begin..end] {
                    let from = best[..=begin]
                        .iter()
                        .copied()
                        .fold(nothing, |one, other| if other.0 > one.0 { other } else { one });
                    let value = (from.0 + run.len() as f32, from.1 + run.len() as f32, from.2);
                    if value.0 > next[end].0 {
                        next[end] = value;
                    }
                }
            }
        }
        best = next;
    }
    let last = best.into_iter().fold(nothing, |one, other| if other.0 > one.0 { other } else { one });
    Initials { letters: last.1 / n_letters.max(1) as f32, n_words_left: last.2 }
}

/// How many letters of a word come, in order, from syllables, each of which gives all of its letters, the first, or none:
/// `qwen` for 千问. The share of the letters, and the syllables that give all of theirs.
pub(crate) fn sounded(letters: &[char], syllables: &[String]) -> (f32, f32) {
    let n_letters = letters.len();
    let nothing = (f32::NEG_INFINITY, 0.0, 0.0);
    let mut best = vec![nothing; n_letters + 1];
    best[0] = (0.0, 0.0, 0.0);
    for syllable in syllables {
        let whole: Vec<char> = syllable.chars().collect();
        let mut next: Vec<(f32, f32, f32)> = best.iter().map(|(value, n, all)| (value - LEFT_OUT, *n, *all)).collect();
        for begin in 0..n_letters {
            for run in [&whole[..], &whole[..whole.len().min(1)]] {
                let end = begin + run.len();
                if run.is_empty() || end > n_letters || run != &letters[begin..end] {
                    continue;
                }
                let from = best[..=begin]
                    .iter()
                    .copied()
                    .fold(nothing, |one, other| if other.0 > one.0 { other } else { one });
                let is_whole = if run.len() == whole.len() && run.len() > 1 { 1.0 } else { 0.0 };
                let value = (from.0 + run.len() as f32, from.1 + run.len() as f32, from.2 + is_whole);
                if value.0 > next[end].0 {
                    next[end] = value;
                }
            }
        }
        best = next;
    }
    let last = best.into_iter().fold(nothing, |one, other| if other.0 > one.0 { other } else { one });
    (last.1 / n_letters.max(1) as f32, last.2 / syllables.len().max(1) as f32)
}

fn runs_of(segment: &Segment, han: &[char], syllables: &[String], lexicon: &Lexicon) -> Vec<Vec<char>> {
    let sounds: Vec<char> = syllables
        .get(segment.start..segment.end)
        .unwrap_or_default()
        .iter()
        .filter_map(|syllable| syllable.chars().next())
        .collect();
    let mut runs: Vec<Vec<char>> = match segment.sort {
        Sort::Form => vec![vec!['c'], vec!['g'], vec!['g', 'c'], vec!['h'], vec!['c', 'l'], vec!['l']],
        Sort::Country => vec![vec!['c'], vec!['z'], vec!['z', 'g']],
        Sort::Known => lexicon.first_letters_of(&han[segment.start..segment.end]).map(|letter| vec![letter]).collect(),
        Sort::Other => Vec::new(),
    };
    if matches!(segment.sort, Sort::Known | Sort::Other) && !sounds.is_empty() {
        runs.extend((1..=sounds.len()).map(|n| sounds[..n].to_vec()));
    }
    runs.sort_unstable();
    runs.dedup();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::alike::places_in_order;
    use crate::naming::parts::NameParts;

    fn lexicon() -> Lexicon {
        Lexicon::learn(&[], |_| true)
    }

    #[test]
    fn a_name_is_cut_into_words() {
        let han: Vec<char> = "中国船舶工业集团有限公司".chars().collect();
        let words: Vec<String> =
            segments(&han, &lexicon()).iter().map(|of| han[of.start..of.end].iter().collect()).collect();
        assert_eq!(words, ["中国", "船舶", "工业", "集团有限公司"]);
        assert!(segments(&[], &lexicon()).is_empty());
        let han: Vec<char> = "宝武馨鑫".chars().collect();
        assert_eq!(segments(&han, &lexicon()).iter().map(|of| of.end).max(), Some(4));
    }

    #[test]
    fn short_forms_take_a_character_of_each_word() {
        let lexicon = lexicon();
        let of = |short: &str, long: &str| {
            let [short, long] = [short, long].map(|name| name.chars().collect::<Vec<char>>());
            shortening(&places_in_order(&short, &long).unwrap(), &segments(&long, &lexicon))
        };
        let told = of("中石化", "中国石油化工集团有限公司");
        assert_eq!((told.n_other_left, told.n_known_behind), (0.0, 0.0), "{told:?}");
        assert!(of("石油", "中国石油天然气集团有限公司").words_met < 1.0);
        let told = of("航天", "航天汽车机电");
        assert_eq!((told.words_met, told.begins), (1.0 / 3.0, 0.5), "{told:?}");
    }

    #[test]
    fn letters_come_from_words_in_order() {
        let lexicon = lexicon();
        let of = |letters: &str, name: &str| {
            let parts = NameParts::of(name);
            let letters: Vec<char> = letters.chars().collect();
            initials(&letters, &parts.han, &parts.syllables, &segments(&parts.han, &lexicon), &lexicon)
        };
        assert_eq!(of("hkb", "汉口银行"), Initials { letters: 1.0, n_words_left: 0.0 });
        assert_eq!(of("csgc", "中国南方电网有限公司").letters, 1.0);
        assert!(of("xyz", "汉口银行").letters < 0.5);
        assert_eq!(of("", "汉口银行").letters, 0.0);
        let qwen: Vec<char> = "qwen".chars().collect();
        assert_eq!(sounded(&qwen, &["qian".to_owned(), "wen".to_owned()]), (1.0, 0.5));
    }
}
