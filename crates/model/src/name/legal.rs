//! Legal forms of companies, kept apart from their names.
//!
//! A form comes off the end of a name, with what stands beside it in a registered name: the trade (`科技`, `网络`)
//! and a place in brackets or in front (`北京…有限公司`). A piece comes off only if enough of a name is left, so
//! `网络科技有限公司` and `Limited` stay whole.
//!
//! To add a form: a row, and a case in `tests/cases/names.toml`.

use super::key::normalise;
use super::script::is_han;

/// A company's name and its legal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name as it was written.
    pub as_written: String,
    /// The normalised name without legal form, place and trade; the whole name if nothing else were left.
    pub core: String,
    /// What was taken off, normalised, in the order of the name: `股份有限公司`, `inc`; `None` if nothing was.
    pub legal_form: Option<String>,
}

/// Forms in Chinese and Japanese, normalised.
const HAN_FORMS: &[&str] = &[
    "股份有限公司",
    "有限责任公司",
    "集团股份有限公司",
    "集团有限公司",
    "控股有限公司",
    "有限公司",
    "股份公司",
    "总公司",
    "分公司",
    "子公司",
    "公司",
    "集团",
    "控股",
    "株式会社",
    "合同会社",
    "有限合伙",
];

/// Trades that stand before the form in a registered name. Only `科技` and `集团` come off without one.
const TRADES: &[&str] = &[
    "人工智能科技",
    "网络科技",
    "信息科技",
    "智能科技",
    "信息技术",
    "网络技术",
    "软件技术",
    "数字科技",
    "云计算",
    "科技",
    "技术",
    "网络",
    "软件",
    "信息",
    "智能",
    "数据",
];

/// Places that stand in front of a registered name.
const PLACES: &[&str] = &[
    "中国",
    "北京市",
    "北京",
    "上海市",
    "上海",
    "深圳市",
    "深圳",
    "杭州市",
    "杭州",
    "广州市",
    "广州",
    "南京市",
    "南京",
    "成都市",
    "成都",
    "武汉市",
    "武汉",
    "合肥市",
    "合肥",
    "苏州市",
    "苏州",
    "天津市",
    "天津",
    "重庆市",
    "重庆",
    "西安市",
    "西安",
    "厦门市",
    "厦门",
    "珠海市",
    "珠海",
    "浙江省",
    "浙江",
    "江苏省",
    "江苏",
    "广东省",
    "广东",
    "香港",
    "台湾",
];

/// Forms in Latin letters, normalised, without full stops.
const LATIN_FORMS: &[&str] = &[
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "ltd",
    "limited",
    "llc",
    "llp",
    "lp",
    "plc",
    "pbc",
    "gmbh",
    "ag",
    "se",
    "kg",
    "kgaa",
    "ug",
    "sa",
    "sas",
    "sarl",
    "srl",
    "spa",
    "bv",
    "nv",
    "ab",
    "as",
    "asa",
    "aps",
    "oy",
    "oyj",
    "kk",
    "pte",
    "pty",
    "pvt",
    "private",
    "sdn",
    "bhd",
    "sp",
    "zoo",
    "holdings",
    "holding",
    "group",
];

/// Takes the legal form off a company's name.
///
/// `core` is normalised, and never empty unless the key of the text is.
pub fn split_legal_form(text: &str) -> Name {
    let key = normalise(text);
    let (core, removed) = if key.chars().any(is_han) { split_han(&key) } else { split_latin(&key) };
    Name { as_written: text.to_owned(), core, legal_form: (!removed.is_empty()).then(|| removed.join(" ")) }
}

fn split_han(key: &str) -> (String, Vec<String>) {
    let (mut core, mut removed) = (key.to_owned(), Vec::new());
    let mut has_form = false;
    loop {
        let ending = if has_form { HAN_FORMS.iter().chain(TRADES).collect() } else { bare_endings() };
        if let Some((rest, piece)) = without_place_in_brackets(&core) {
            core = rest;
            removed.push(piece);
        } else if let Some((rest, form)) = without_longest_ending(&core, &ending) {
            has_form |= form.ends_with("公司") || form.ends_with("会社");
            core = rest;
            removed.push(form);
        } else {
            break;
        }
    }
    let place = PLACES.iter().filter(|place| core.starts_with(**place)).max_by_key(|place| place.len());
    if let Some(place) = place.filter(|_| has_form) {
        let rest = &core[place.len()..];
        if is_enough(rest) {
            removed.push((*place).to_owned());
            core = rest.to_owned();
        }
    }
    removed.sort_by_key(|piece| key.find(piece.as_str()));
    let (rest, latin) = split_latin(&core);
    removed.extend(latin);
    (rest, removed)
}

/// What comes off a name that has no legal form.
fn bare_endings() -> Vec<&'static &'static str> {
    HAN_FORMS.iter().chain(TRADES.iter().filter(|trade| **trade == "科技")).collect()
}

fn without_longest_ending(core: &str, endings: &[&&str]) -> Option<(String, String)> {
    let fits = |ending: &&&&str| core.strip_suffix(***ending).is_some_and(is_enough);
    let ending = endings.iter().filter(fits).max_by_key(|ending| ending.len())?;
    let rest = core.strip_suffix(**ending)?;
    Some((rest.trim_end().to_owned(), (**ending).to_string()))
}

/// `微软(中国)有限公司`: the place, wherever its brackets stand after the name's beginning.
fn without_place_in_brackets(core: &str) -> Option<(String, String)> {
    let (before, after_open) = core.split_once('(')?;
    let (inside, after) = after_open.split_once(')')?;
    let is_place = PLACES.contains(&inside) || matches!(inside, "集团" | "控股" | "有限合伙");
    let rest = format!("{before}{after}");
    (is_place && is_enough(before)).then(|| (rest, format!("({inside})")))
}

/// Two Chinese characters or three letters are the least that is a name.
fn is_enough(rest: &str) -> bool {
    let n_han = rest.chars().filter(|letter| is_han(*letter)).count();
    let n_letters = rest.chars().filter(|letter| letter.is_alphanumeric()).count();
    n_han >= 2 || n_letters >= 3 && n_letters > n_han || (n_letters >= 2 && n_han == 0)
}

fn split_latin(key: &str) -> (String, Vec<String>) {
    let mut words: Vec<&str> = key.split(' ').collect();
    let mut removed = Vec::new();
    while let [_, .., last] = words.as_slice() {
        let form: String = last.chars().filter(|letter| letter.is_alphanumeric()).collect();
        let is_sign = form.is_empty() && matches!(*last, "&" | "," | "-");
        if !is_sign && !LATIN_FORMS.contains(&form.as_str()) {
            break;
        }
        if !is_sign {
            removed.insert(0, form);
        }
        words.pop();
    }
    if removed.is_empty() {
        return (key.to_owned(), removed);
    }
    let core = words.join(" ");
    (core.trim_end_matches([',', ' ', '&']).to_owned(), removed)
}
