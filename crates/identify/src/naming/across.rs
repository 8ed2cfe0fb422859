//! A Chinese name beside one in Latin letters: how much of the one is the sound or the meaning of the other.

use super::alike::{bones, common_in_order, jaro_winkler, places_in_order};
use super::lexicon::Lexicon;
use super::parts::NameParts;
use super::segments::{self, segments, sounded};

/// Words that say nothing of their own in a name.
const LITTLE_WORDS: &[&str] = &["the", "of", "and", "a", "an", "in", "at", "for", "de", "la", "app"];
/// Syllables of one word at most.
const SYLLABLES_MAX: usize = 6;
/// Letters of an acronym at most.
const ACRONYM_MAX: usize = 10;
/// Letters that are looked for among syllables.
const SOUNDED_MAX: usize = 24;

/// What was found, each from 0 to 1 but the rarities and counts.
#[derive(Debug, Default)]
pub(crate) struct Across {
    /// The whole is the pinyin of the whole.
    pub(crate) is_pinyin: bool,
    /// Likeness of the letters to the pinyin.
    pub(crate) sound: f32,
    /// Likeness of the consonants.
    pub(crate) bones: f32,
    /// Share of the words, by their rarity, that are sound or meaning of characters.
    pub(crate) words_explained: f32,
    /// Share of the characters that some word is the sound or meaning of.
    pub(crate) characters_explained: f32,
    /// The same for the characters of the core.
    pub(crate) core_explained: f32,
    /// Words explained by their sound.
    pub(crate) n_by_sound: f32,
    /// Words explained by their meaning.
    pub(crate) n_by_meaning: f32,
    /// The letters are the first ones of the characters' pinyin, of all of them.
    pub(crate) is_initials: bool,
    /// The share of an acronym's letters that are first letters of pinyin, in order; `NAN` for no acronym.
    pub(crate) initials_share: f32,
    /// The share of an acronym's letters that begin words for the characters, in any order; `NAN` for no acronym.
    pub(crate) meaning_initials_share: f32,
    /// Words that are not explained.
    pub(crate) n_words_left: f32,
    /// Characters of the core that are not explained.
    pub(crate) n_characters_left: f32,
    /// Letters against characters: an acronym has fewer letters than the name has characters.
    pub(crate) letters_a_character: f32,
    /// The share of an acronym's letters that words for the characters give, in order; `NAN` for no acronym.
    pub(crate) initials_in_order: f32,
    /// Words of the characters that give an acronym no letter; `NAN` for no acronym.
    pub(crate) n_words_without_letter: f32,
    /// The share of the letters that syllables give, whole or by their first letter.
    pub(crate) sounded_letters: f32,
    /// The share of the syllables that are there as a whole.
    pub(crate) sounded_syllables: f32,
}

/// Compares the Chinese characters of one name with the words of the other.
pub(crate) fn compare(han: &NameParts, latin: &NameParts, lexicon: &Lexicon) -> Across {
    let letters = latin.core_letters();
    let sound: String = core_syllables(han).concat();
    let mut across = Across {
        is_pinyin: (letters == sound || latin.words.concat() == han.syllables.concat())
            && han.core_words.iter().all(|word| latin.words.contains(word)),
        sound: jaro_winkler(&letters.chars().collect::<Vec<_>>(), &sound.chars().collect::<Vec<_>>()),
        bones: likeness_of_bones(&letters, &sound),
        letters_a_character: letters.chars().count() as f32 / han.han_core.len().max(1) as f32,
        initials_share: f32::NAN,
        meaning_initials_share: f32::NAN,
        initials_in_order: f32::NAN,
        n_words_without_letter: f32::NAN,
        ..Across::default()
    };
    let looked_at: Vec<char> = letters.chars().take(SOUNDED_MAX).collect();
    (across.sounded_letters, across.sounded_syllables) = sounded(&looked_at, core_syllables(han));
    explain_words(han, latin, lexicon, &mut across);
    if let [word] = latin.words.as_slice()
        && word.len() <= ACRONYM_MAX
    {
        explain_initials(han, word, lexicon, &mut across);
    }
    across
}

/// The pinyin of the core's characters.
fn core_syllables(han: &NameParts) -> &[String] {
    let start = han.han.windows(han.han_core.len().max(1)).position(|window| window == han.han_core).unwrap_or(0);
    han.syllables.get(start..start + han.han_core.len()).unwrap_or(&han.syllables)
}

fn likeness_of_bones(letters: &str, sound: &str) -> f32 {
    let (one, other) = (bones(letters), bones(sound));
    let longest = one.len().max(other.len());
    if longest < 2 { 0.0 } else { common_in_order(&one, &other) as f32 / longest as f32 }
}

fn explain_words(han: &NameParts, latin: &NameParts, lexicon: &Lexicon, across: &mut Across) {
    let mut is_explained = vec![false; han.han.len()];
    let (mut rarity_explained, mut rarity_all) = (0.0, 0.0);
    let telling: Vec<&String> = latin.core_words.iter().filter(|word| !LITTLE_WORDS.contains(&word.as_str())).collect();
    for word in &telling {
        let rarity = lexicon.rarity(word).max(0.1);
        rarity_all += rarity;
        let by_sound = places_by_sound(&han.syllables, word);
        let by_meaning = places_by_meaning(&han.han, word, lexicon);
        let is_by_sound = by_sound.is_some();
        match by_sound.or(by_meaning) {
            Some((start, n)) => {
                is_explained[start..start + n].fill(true);
                rarity_explained += rarity;
                across.n_by_sound += f32::from(u8::from(is_by_sound));
                across.n_by_meaning += f32::from(u8::from(!is_by_sound));
            }
            None => across.n_words_left += 1.0,
        }
    }
    // What a name in both scripts has besides: `百度スマートクラウド`, `NTT西日本`.
    across.n_words_left += han.core_words.iter().filter(|word| !latin.words.contains(*word)).count() as f32;
    let start = han.han.windows(han.han_core.len().max(1)).position(|window| window == han.han_core).unwrap_or(0);
    let share = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as f32 / flags.len().max(1) as f32;
    across.words_explained = if rarity_all > 0.0 { rarity_explained / rarity_all } else { 0.0 };
    across.characters_explained = share(&is_explained);
    let of_core = is_explained.get(start..start + han.han_core.len()).unwrap_or(&is_explained);
    across.core_explained = share(of_core);
    across.n_characters_left = of_core.iter().filter(|flag| !**flag).count() as f32;
}

/// Where the characters stand whose pinyin a word is.
pub(super) fn places_by_sound(syllables: &[String], word: &str) -> Option<(usize, usize)> {
    for start in 0..syllables.len() {
        let mut rest = word;
        for (n, syllable) in syllables[start..].iter().take(SYLLABLES_MAX).enumerate() {
            let Some(behind) = rest.strip_prefix(syllable.as_str()).filter(|_| !syllable.is_empty()) else { break };
            rest = behind;
            if rest.is_empty() {
                return Some((start, n + 1));
            }
        }
    }
    None
}

/// Where the longest characters stand that a word means.
fn places_by_meaning(han: &[char], word: &str, lexicon: &Lexicon) -> Option<(usize, usize)> {
    let places = lexicon.meanings(word).filter_map(|meaning| {
        let start = han.windows(meaning.len().max(1)).position(|window| window == meaning)?;
        Some((start, meaning.len()))
    });
    places.max_by_key(|(start, n)| (*n, usize::MAX - start))
}

fn explain_initials(han: &NameParts, word: &str, lexicon: &Lexicon, across: &mut Across) {
    let letters: Vec<char> = word.chars().collect();
    let initials =
        |syllables: &[String]| syllables.iter().filter_map(|syllable| syllable.chars().next()).collect::<Vec<char>>();
    let all = initials(&han.syllables);
    let core = initials(core_syllables(han));
    across.is_initials = letters == all || letters == core;
    let n = letters.len().max(1) as f32;
    across.initials_share = common_in_order(&letters, &all) as f32 / n;
    let of_meanings = lexicon.first_letters(&han.han, &han.syllables);
    let mut rest = of_meanings;
    let found = letters.iter().filter(|letter| {
        let place = rest.iter().position(|set| set.contains(*letter));
        place.map(|place| rest.swap_remove(place)).is_some()
    });
    across.meaning_initials_share = found.count() as f32 / n;
    if places_in_order(&letters, &all).is_none() {
        across.is_initials = false;
    }
    // `SHBANK` is SH and a word.
    let begin = word.strip_suffix("bank").filter(|begin| !begin.is_empty() && han.han.ends_with(&['银', '行']));
    let letters: Vec<char> = begin.map_or(letters, |begin| begin.chars().chain(['b']).collect());
    let told = segments::initials(&letters, &han.han, &han.syllables, &segments(&han.han, lexicon), lexicon);
    (across.initials_in_order, across.n_words_without_letter) = (told.letters, told.n_words_left);
}
