//! How alike two rows of characters or words are.

/// Whether one has some of the other's items, in their order, and where.
///
/// Where there is a choice the first place counts. Takes time as long as the longer one.
pub(crate) fn places_in_order<T: PartialEq>(short: &[T], long: &[T]) -> Option<Vec<usize>> {
    let mut places = Vec::with_capacity(short.len());
    let mut from = 0;
    for item in short {
        let place = from + long[from..].iter().position(|other| other == item)?;
        places.push(place);
        from = place + 1;
    }
    Some(places)
}

/// The length of the longest row of items that both have in their order.
pub(crate) fn common_in_order<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    let mut row = vec![0; other.len() + 1];
    for item in one {
        let mut before = 0;
        for (place, each) in other.iter().enumerate() {
            let above = row[place + 1];
            row[place + 1] = if item == each { before + 1 } else { above.max(row[place]) };
            before = above;
        }
    }
    row[other.len()]
}

/// Where one stands in the other as it is.
pub(crate) fn place_in<T: PartialEq>(short: &[T], long: &[T]) -> Option<usize> {
    if short.is_empty() { None } else { long.windows(short.len()).position(|window| window == short) }
}

/// Whether one stands in the other as it is.
pub(crate) fn stands_in<T: PartialEq>(short: &[T], long: &[T]) -> bool {
    !short.is_empty() && short.len() <= long.len() && long.windows(short.len()).any(|window| window == short)
}

/// Likeness by Jaro and Winkler, 0 to 1.
pub(crate) fn jaro_winkler(one: &[char], other: &[char]) -> f32 {
    let [one, other] = [one, other].map(|letters| letters.iter().collect::<String>());
    strsim::jaro_winkler(&one, &other) as f32
}

/// The consonants of a word as they sound alike in most languages: what is left of `McDonald's` and of `maidanglao`.
pub(crate) fn bones(letters: &str) -> Vec<char> {
    let mut bones: Vec<char> = Vec::new();
    for letter in letters.chars() {
        let sound = match letter {
            'c' | 'k' | 'q' | 'g' => 'k',
            'z' | 's' | 'x' | 'j' => 's',
            'b' | 'p' => 'p',
            'd' | 't' => 't',
            'v' | 'f' => 'f',
            'l' | 'r' => 'l',
            'm' => 'm',
            'n' => 'n',
            _ => continue,
        };
        if bones.last() != Some(&sound) {
            bones.push(sound);
        }
    }
    bones
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn an_abbreviation_has_the_places_of_its_characters() {
        assert_eq!(places_in_order(&letters("中移动"), &letters("中国移动")), Some(vec![0, 2, 3]));
        assert_eq!(places_in_order(&letters("移中"), &letters("中国移动")), None);
        assert_eq!(common_in_order(&letters("国电投"), &letters("国家电力投资")), 3);
        assert!(
            stands_in(&letters("移动"), &letters("中国移动")) && !stands_in(&letters("中移"), &letters("中国移动"))
        );
    }

    #[test]
    fn bones_of_a_transliteration() {
        assert_eq!(bones("mcdonalds"), letters("mktnlts"));
        assert_eq!(bones("maidanglao"), letters("mtnkl"));
    }
}
