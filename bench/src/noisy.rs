//! Mentions of entities that never were, with the noise of real ones: scripts, mistakes, legal forms, renames, ids that are
//! missing at random.
//!
//! In: how many mentions and entities, and a seed. Out: each mention with the number of its entity, which only the judge
//! sees. A mention is a function of its number, so that the same three numbers give the same market.

use crowsnest_model::{Kind, pinyin_key, to_traditional};

use crate::random::{Purpose, mixed, unit};

/// One mention.
#[derive(Debug, Clone)]
pub struct Noisy {
    /// The entity that it is of.
    pub entity: u64,
    /// Product or company.
    pub kind: Kind,
    /// As its source writes it.
    pub name: String,
    /// Who writes it.
    pub source: &'static str,
    /// The id that stores use for it; empty where the source tells none.
    pub native_id: String,
    /// Who makes it; empty where the source does not say.
    pub developer: String,
    /// Its web domain; empty where the source does not say.
    pub domain: String,
}

const SOURCES: [&str; 8] =
    ["Meridian", "Harbour", "Tidewater", "Almanac", "Statements", "Lighthouse", "Quayside", "Beacon"];
const CHARACTERS: [char; 40] = [
    '云', '龙', '马', '华', '东', '兴', '长', '风', '飞', '鱼', '鸟', '汉', '学', '书', '车', '门', '问', '闻', '见',
    '语', '山', '水', '火', '木', '石', '月', '星', '雨', '雪', '花', '竹', '林', '江', '海', '天', '春', '秋', '白',
    '青', '金',
];
const FORMS: [&str; 5] = [" Inc.", ", Inc.", " Ltd", " Co., Ltd.", " GmbH"];
const HAN_FORMS: [&str; 3] = ["有限公司", "股份有限公司", "科技有限公司"];
const WORDS: [&str; 12] =
    ["Chat", "Writer", "Search", "Notes", "Voice", "Maps", "Cloud", "Music", "Video", "Health", "Trade", "Games"];
const PRODUCTS_PER_DEVELOPER: u64 = 4;

/// The mention of a number, of so many entities; the first mentions are one of each entity.
pub fn mention(seed: u64, number: u64, n_entities: u64) -> Noisy {
    let entity = if number < n_entities { number } else { mixed(seed, Purpose::Coverage, number) % n_entities };
    let random = |part: u64| mixed(seed, Purpose::Noise, number * 16 + part);
    let kind = if entity % 10 < 7 { Kind::Product } else { Kind::Company };
    let base = base_name(seed, entity);
    let is_renamed = unit(random(1)) < 0.03;
    let base = if is_renamed { base_name(seed ^ 0xABCD, entity) } else { base };
    let name = written(&base, kind, &random);
    let is_told = |part: u64, share: f64| unit(random(part)) < share;
    // Who renames something keeps its id, or nobody could know that it is the same.
    let native_id =
        if is_told(2, 0.5) || is_renamed { format!("com.maker{}.p{entity}", entity / 7) } else { String::new() };
    let developer = entity / PRODUCTS_PER_DEVELOPER;
    let developer = if is_told(3, 0.6) { format!("{} Labs", latin(seed ^ 0x77, developer)) } else { String::new() };
    let domain = if is_told(4, 0.3) {
        format!("{}{}.example", latin(seed ^ 0x55, entity).to_lowercase(), entity % 97)
    } else {
        String::new()
    };
    Noisy { entity, kind, name, source: SOURCES[(random(5) % 8) as usize], native_id, developer, domain }
}

fn base_name(seed: u64, entity: u64) -> String {
    let random = mixed(seed, Purpose::Level, entity);
    if random % 10 < 3 {
        let mut rest = mixed(seed, Purpose::Bias, entity);
        return (0..4 + random / 10 % 2)
            .map(|_| {
                let character = CHARACTERS[(rest % 40) as usize];
                rest /= 40;
                character
            })
            .collect();
    }
    let word = WORDS[(random / 16 % 12) as usize];
    if random & 0x8000 == 0 {
        format!("{} {word}", latin(seed, entity))
    } else {
        format!("{} {}", latin(seed, entity), latin(seed ^ 0x1234, entity))
    }
}

fn latin(seed: u64, number: u64) -> String {
    const CONSONANTS: &[u8; 16] = b"bcdfghjklmnprstv";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut rest = mixed(seed, Purpose::Order, number);
    let n_syllables = 3 + rest % 2;
    let mut name = String::new();
    for _ in 0..n_syllables {
        rest /= 7;
        name.push(char::from(CONSONANTS[(rest % 16) as usize]));
        rest /= 16;
        name.push(char::from(VOWELS[(rest % 5) as usize]));
        rest /= 5;
    }
    name[..1].to_uppercase() + &name[1..]
}

/// A name as some source writes it.
fn written(base: &str, kind: Kind, random: &dyn Fn(u64) -> u64) -> String {
    let how = unit(random(6));
    let is_han = !base.is_ascii();
    let mut name = base.to_owned();
    if how < 0.12 {
        name = mistaken(&name, random(7));
    } else if is_han && how < 0.27 {
        name = to_traditional(&name);
    } else if is_han && how < 0.37 {
        name = pinyin_key(&name).unwrap_or(name);
    } else if how < 0.45 {
        name = if random(8).is_multiple_of(2) { name.to_uppercase() } else { name.replace(' ', "") };
    } else if how < 0.52 {
        name.push_str([" AI", " App", " app"][(random(9) % 3) as usize]);
    }
    if kind == Kind::Company && unit(random(10)) < 0.35 {
        name.push_str(if is_han && !name.is_ascii() {
            HAN_FORMS[(random(11) % 3) as usize]
        } else {
            FORMS[(random(11) % 5) as usize]
        });
    }
    name
}

/// One character wrong, missing, doubled, or swapped with the next.
fn mistaken(name: &str, random: u64) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let place = (random / 8) as usize % letters.len();
    match random % 4 {
        0 => letters[place] = if letters[place].is_ascii() { 'e' } else { CHARACTERS[(random / 64 % 40) as usize] },
        1 => _ = letters.remove(place),
        2 => letters.insert(place, letters[place]),
        _ if place + 1 < letters.len() => letters.swap(place, place + 1),
        _ => {}
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_the_same_each_time_and_most_names_tell_entities_apart() {
        let of = |number| mention(1, number, 300);
        assert_eq!(of(777).name, of(777).name);
        assert!((0..300).all(|number| of(number).entity == number));
        let names: std::collections::HashSet<String> = (0..20_000).map(|entity| base_name(1, entity)).collect();
        assert!(names.len() > 19_900, "{}", names.len());
        let filled = (0..1000).filter(|number| !of(*number).native_id.is_empty()).count();
        assert!((450..600).contains(&filled), "{filled}");
    }
}
