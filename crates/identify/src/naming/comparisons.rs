//! Two names as numbers, each with a name in words.
//!
//! The shorter name comes first in each comparison, so that it is the same which name is left and which right. A
//! comparison of what a name has not (Chinese characters, Latin words, numbers) is missing (`NAN`), not zero.
//! To add one: its name in [`COMPARISONS`] and its value at the same place in [`compare`].

use super::across::{self, Across};
use super::alike::{common_in_order, jaro_winkler, place_in, places_in_order, stands_in};
use super::apart;
use super::lexicon::{Lexicon, extra_runs};
use super::parts::NameParts;
use super::segments::{segments, shortening};

/// What each comparison says.
pub(crate) const COMPARISONS: &[&str] = &[
    "the same but for writing",
    "the same but for legal form",
    "likeness of all letters",
    "length of the shorter against the longer",
    "numbers that agree (1), of one side only (0.5), that contradict (0)",
    "a legal form: on no side (0), on one, on both",
    "letters of the shorter",
    "one is all that the other has in one script",
    "a place, direction or line of business that only one name has",
    // Chinese with Chinese.
    "characters: the same",
    "characters: the same but for legal form",
    "characters: likeness",
    "characters: share of the shorter found in order in the longer",
    "characters: share of the longer found in order in the shorter",
    "characters: the shorter is some of the longer, in order",
    "characters: the shorter stands in the longer as it is",
    "characters: the longer begins as the shorter",
    "characters: the longer ends as the shorter",
    "characters: share of the longer's words that the shorter has a part of",
    "characters: how many more the longer has",
    "characters: how many of the shorter the longer lacks",
    "characters: the same pinyin",
    "characters: pairs in common, by their rarity",
    "characters: those of the shorter",
    "characters: share of those of one side that are in ordinary words",
    "characters: how many each side has that the other lacks, the fewer",
    "characters: share of the longer's words that the shorter has a character of",
    "characters: share of the shorter's that begin a word of the longer",
    "characters: ordinary words that the longer has behind",
    "characters: words of its own that the longer has more",
    "characters: ordinary words that the longer has in front",
    "characters: how many the longer has in front",
    "characters: how many the longer has behind",
    // Latin with Latin.
    "words: likeness",
    "words: in common, by their rarity",
    "words: all of the shorter in the longer",
    "words: the first is the same",
    "words: the shorter stands in the longer as it is, letter by letter",
    "words: the shorter is the first letters of the longer",
    "words: share of the shorter's letters that begin words of the longer, in order",
    "words: how many only the longer has",
    "words: the longer begins as the shorter",
    "words: share of those only the longer has that are ordinary words",
    "words: how many the longer has in front",
    "words: how many the longer has behind",
    "words: by, of or from right behind the shorter",
    "words: share of the shorter's that are ordinary words",
    "words: share of those behind that are ordinary words",
    // Chinese with Latin.
    "across: the whole is the pinyin",
    "across: likeness to the pinyin",
    "across: likeness of the consonants",
    "across: words that are sound or meaning of characters, by their rarity",
    "across: characters that a word is the sound or meaning of",
    "across: characters but for legal form that a word is the sound or meaning of",
    "across: words explained by sound",
    "across: words explained by meaning",
    "across: the first letters of the pinyin",
    "across: share of an acronym's letters that begin pinyin, in order",
    "across: share of an acronym's letters that begin words for the characters",
    "across: letters for a character",
    "across: how many words are not explained",
    "across: how many characters are not explained",
    "across: how many of either are not explained, the fewer",
    "across: share of an acronym's letters that words for the characters give, in order",
    "across: words for the characters that give an acronym no letter",
    "across: share of the letters that syllables give, whole or by their first letter",
    "across: share of the syllables that are there as a whole",
];

/// Compares two names; as many values as there are [`COMPARISONS`].
pub(crate) fn compare(one: &NameParts, other: &NameParts, lexicon: &Lexicon) -> Vec<f32> {
    let is_ordered = (one.joined.len(), &one.joined) <= (other.joined.len(), &other.joined);
    let (short, long) = if is_ordered { (one, other) } else { (other, one) };
    let mut values = Vec::with_capacity(COMPARISONS.len());
    values.extend(of_all(short, long));
    values.extend(of_characters(short, long, lexicon));
    values.extend(of_words(short, long, lexicon));
    values.extend(of_scripts(short, long, lexicon));
    values
}

fn yes(is_so: bool) -> f32 {
    f32::from(u8::from(is_so))
}

fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

fn of_all(short: &NameParts, long: &NameParts) -> [f32; 9] {
    [
        yes(short.is_same_but_for_writing(long)),
        yes(short.core == long.core && !short.core.is_empty()),
        jaro_winkler(&short.joined, &long.joined),
        share(short.joined.len(), long.joined.len()),
        of_numbers(short, long),
        yes(short.has_form) + yes(long.has_form),
        short.joined.len() as f32,
        yes(is_one_script_of(short, long)),
        yes(apart::is_apart(short, long)),
    ]
}

/// `Parsons Music` of `柏斯琴行 Parsons Music`, and 柏斯琴行.
fn is_one_script_of(short: &NameParts, long: &NameParts) -> bool {
    if !long.has_han() || !long.has_letters() || short.has_han() == short.has_letters() {
        return false;
    }
    if short.has_han() { short.han == long.han } else { short.words == long.words }
}

fn of_numbers(short: &NameParts, long: &NameParts) -> f32 {
    let only = |one: &NameParts, other: &NameParts| one.numbers.iter().any(|number| !other.numbers.contains(number));
    match (short.numbers.is_empty() && long.numbers.is_empty(), only(short, long), only(long, short)) {
        (true, _, _) => f32::NAN,
        (false, true, true) => 0.0,
        (false, false, false) => 1.0,
        _ => 0.5,
    }
}

fn of_characters(short: &NameParts, long: &NameParts, lexicon: &Lexicon) -> [f32; 24] {
    if !short.has_han() || !long.has_han() {
        return [f32::NAN; 24];
    }
    let is_ordered = short.han.len() <= long.han.len();
    let (one, other) = if is_ordered { (short, long) } else { (long, short) };
    let (few, many) = (one.han.as_slice(), other.han.as_slice());
    let n_common = common_in_order(few, many);
    let places = places_in_order(few, many);
    let rarity = |run: &String| lexicon.rarity(run);
    let pairs = |han: &[char]| han.windows(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>();
    let (ours, theirs) = (pairs(few), pairs(many));
    let common: Vec<f32> = ours.iter().filter(|pair| theirs.contains(pair)).map(rarity).collect();
    let all: f32 = ours.iter().chain(&theirs).map(rarity).sum();
    let extra: Vec<String> = [extra_runs(few, many), extra_runs(many, few)].concat();
    let shortened = shortened(places.as_deref(), many, lexicon);
    let around = around(few, many);
    [
        yes(few == many),
        yes(one.han_core == other.han_core),
        jaro_winkler(&one.han_core, &other.han_core),
        share(n_common, few.len()),
        share(n_common, many.len()),
        yes(places.is_some()),
        yes(stands_in(few, many)),
        yes(few.first() == many.first()),
        yes(few.last() == many.last()),
        share_of_words(few, &other.han_core),
        other.han_core.len() as f32 - one.han_core.len() as f32,
        (few.len() - n_common) as f32,
        yes(one.syllables == other.syllables),
        if all > 0.0 { 2.0 * common.iter().sum::<f32>() / all } else { f32::NAN },
        one.han_core.len() as f32,
        ordinary_share(&extra, lexicon),
        lacking(few, many).min(lacking(many, few)),
        shortened.0[0],
        shortened.0[1],
        shortened.0[2],
        shortened.0[3],
        shortened.0[4],
        around.0,
        around.1,
    ]
}

/// What the longer name has more, by its words; missing where the shorter one is not some of its characters.
struct Shortened([f32; 5]);

fn shortened(places: Option<&[usize]>, many: &[char], lexicon: &Lexicon) -> Shortened {
    let Some(places) = places else { return Shortened([f32::NAN; 5]) };
    let told = shortening(places, &segments(many, lexicon));
    Shortened([told.words_met, told.begins, told.n_known_behind, told.n_other_left, told.n_known_before])
}

/// How much the longer has in front and behind, where the shorter stands in it as it is.
fn around<T: PartialEq>(few: &[T], many: &[T]) -> (f32, f32) {
    match place_in(few, many) {
        Some(place) => (place as f32, (many.len() - few.len() - place) as f32),
        None => (f32::NAN, f32::NAN),
    }
}

/// Chinese names are mostly words of two characters: how many of these the abbreviation has one or both of.
fn share_of_words(few: &[char], many: &[char]) -> f32 {
    let words: Vec<&[char]> = many.chunks(2).collect();
    let n_met = words.iter().filter(|word| word.iter().any(|letter| few.contains(letter))).count();
    share(n_met, words.len())
}

fn of_words(short: &NameParts, long: &NameParts, lexicon: &Lexicon) -> [f32; 15] {
    if !short.has_letters() || !long.has_letters() {
        return [f32::NAN; 15];
    }
    let (few, many) = (&short.core_words, &long.core_words);
    let common: Vec<&String> = few.iter().filter(|word| many.contains(word)).collect();
    let only_short: Vec<&String> = few.iter().filter(|word| !many.contains(word)).collect();
    let only_long: Vec<&String> = many.iter().filter(|word| !few.contains(word)).collect();
    let sum = |words: &[&String]| words.iter().map(|word| lexicon.rarity(word)).sum::<f32>();
    let all = sum(&common) + sum(&only_short) + sum(&only_long);
    let [few_letters, many_letters] = [few, many].map(|words| words.concat().chars().collect::<Vec<char>>());
    let initials: Vec<char> = long.words.iter().filter_map(|word| word.chars().next()).collect();
    let is_short_form = few.len() == 1 && few_letters.len() <= 8 && many.len() > 1;
    let (before, behind) = around(few, many);
    let rest = place_in(few, many).map_or(&[][..], |place| &many[place + few.len()..]);
    let next = rest.first();
    let is_ordinary_behind: Vec<bool> = rest.iter().map(|word| lexicon.is_ordinary(word)).collect();
    [
        jaro_winkler(&few_letters, &many_letters),
        if all > 0.0 { sum(&common) / all } else { f32::NAN },
        yes(only_short.is_empty()),
        yes(few.first() == many.first()),
        yes(stands_in(&few_letters, &many_letters)),
        yes(is_short_form && is_initials(&few_letters, &initials, &long.words)),
        if is_short_form { share(common_in_order(&few_letters, &initials), few_letters.len()) } else { f32::NAN },
        only_long.len() as f32,
        yes(many_letters.starts_with(&few_letters)),
        if only_long.is_empty() {
            f32::NAN
        } else {
            share(only_long.iter().filter(|word| lexicon.is_ordinary(word)).count(), only_long.len())
        },
        before,
        behind,
        yes(next.is_some_and(|word| matches!(word.as_str(), "by" | "of" | "from" | "at"))),
        share(few.iter().filter(|word| lexicon.is_ordinary(word)).count(), few.len()),
        if is_ordinary_behind.is_empty() {
            f32::NAN
        } else {
            share(is_ordinary_behind.iter().filter(|is_ordinary| **is_ordinary).count(), is_ordinary_behind.len())
        },
    ]
}

/// How many characters of the one the other lacks.
fn lacking(one: &[char], other: &[char]) -> f32 {
    one.iter().filter(|letter| !other.contains(letter)).count() as f32
}

/// How much of the runs of one side are ordinary words.
fn ordinary_share(extra: &[String], lexicon: &Lexicon) -> f32 {
    let runs: Vec<Vec<char>> = extra.iter().map(|run| run.chars().collect()).collect();
    let n: usize = runs.iter().map(Vec::len).sum();
    if n == 0 {
        return f32::NAN;
    }
    let n_ordinary: usize = runs.iter().map(|run| lexicon.n_in_words(run)).sum();
    share(n_ordinary, n)
}

/// First letters of all words, or of all but the little ones.
fn is_initials(letters: &[char], initials: &[char], words: &[String]) -> bool {
    let great =
        words.iter().filter(|word| word.len() > 3 || !matches!(word.as_str(), "of" | "and" | "the" | "for" | "de"));
    let of_great: Vec<char> = great.filter_map(|word| word.chars().next()).collect();
    letters == initials || letters == of_great || (letters.len() > 2 && of_great.starts_with(letters))
}

fn of_scripts(short: &NameParts, long: &NameParts, lexicon: &Lexicon) -> [f32; 19] {
    let found = match (short.has_han() && long.has_letters(), long.has_han() && short.has_letters()) {
        (false, false) => return [f32::NAN; 19],
        (true, false) => across::compare(short, long, lexicon),
        (false, true) => across::compare(long, short, lexicon),
        (true, true) => better(across::compare(short, long, lexicon), across::compare(long, short, lexicon)),
    };
    [
        yes(found.is_pinyin),
        found.sound,
        found.bones,
        found.words_explained,
        found.characters_explained,
        found.core_explained,
        found.n_by_sound,
        found.n_by_meaning,
        yes(found.is_initials),
        found.initials_share,
        found.meaning_initials_share,
        found.letters_a_character,
        found.n_words_left,
        found.n_characters_left,
        found.n_words_left.min(found.n_characters_left),
        found.initials_in_order,
        found.n_words_without_letter,
        found.sounded_letters,
        found.sounded_syllables,
    ]
}

fn better(one: Across, other: Across) -> Across {
    let of = |across: &Across| across.words_explained + across.core_explained;
    if of(&one) >= of(&other) { one } else { other }
}
