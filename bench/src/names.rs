//! Names of products that never were: one for each number, no two the same.
//!
//! Nine in ten are Latin, one in ten Chinese, and about one in a hundred has a comma, so that its field is quoted.

const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwyz";
const VOWELS: &[u8; 5] = b"aeiou";
/// Characters that simplified and traditional Chinese write alike and that no legal form has.
const CHARACTERS: [char; 20] = [
    '山', '水', '火', '木', '石', '月', '日', '星', '雨', '雪', '花', '竹', '林', '江', '海', '天', '春', '秋', '白',
    '青',
];
const WORDS: [&str; 7] = ["Chat", "Assistant", "Writer", "Search", "Translate", "Notes", "Voice"];
/// Coprime to the number of names of four syllables, so that neighbours do not look alike and none occurs twice.
const STRIDE: u64 = 7_368_787;

/// The name of the product of that number, below 10⁸.
pub fn of_product(number: u64) -> String {
    if number % 10 == 9 {
        return chinese(number / 10);
    }
    let latin = latin(number);
    let word = WORDS[(number % 7) as usize];
    if number % 97 == 13 { format!("{latin} {word}, Lite") } else { format!("{latin} {word}") }
}

fn latin(number: u64) -> String {
    let mut rest = number.wrapping_mul(STRIDE) % 100_000_000;
    let mut name = Vec::with_capacity(8);
    for _ in 0..4 {
        let syllable = (rest % 100) as usize;
        name.push(CONSONANTS[syllable / 5]);
        name.push(VOWELS[syllable % 5]);
        rest /= 100;
    }
    name[0].make_ascii_uppercase();
    String::from_utf8_lossy(&name).into_owned()
}

fn chinese(number: u64) -> String {
    let mut rest = number;
    (0..6)
        .map(|_| {
            let character = CHARACTERS[(rest % 20) as usize];
            rest /= 20;
            character
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_occur_once() {
        let names: HashSet<String> = (0..200_000).map(|number| of_product(number).to_lowercase()).collect();
        assert_eq!(names.len(), 200_000);
    }

    #[test]
    fn some_are_chinese_and_some_need_quotes() {
        assert_eq!(of_product(9), "山山山山山山");
        assert!(of_product(13).ends_with(", Lite"));
    }
}
