//! The words around a number: qualifiers, scales, classifiers, and what says that there is no value.
//!
//! All lower case, in simplified characters. Where several words of a list fit, the longest counts.

/// What a word before or after a number says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// Nothing: `共计`, `a total of`.
    Neutral,
    /// About that.
    About,
    /// That or more.
    AtLeast,
    /// That or less.
    AtMost,
    /// The number is a decline.
    Decline,
    /// The number is a place in an order.
    Ordinal,
}

use Sense::{About, AtLeast, AtMost, Decline, Neutral, Ordinal};

/// Words before a number.
pub(super) const BEFORE: &[(&str, Sense)] = &[
    ("大约为", About),
    ("大约", About),
    ("大概", About),
    ("约为", About),
    ("约合", About),
    ("约", About),
    ("将近", About),
    ("接近", About),
    ("近", About),
    ("approximately", About),
    ("approx.", About),
    ("approx", About),
    ("about", About),
    ("around", About),
    ("roughly", About),
    ("nearly", About),
    ("almost", About),
    ("close to", About),
    ("some", About),
    ("circa", About),
    ("ca.", About),
    ("~", About),
    ("≈", About),
    ("不超过", AtMost),
    ("不高于", AtMost),
    ("不多于", AtMost),
    ("不大于", AtMost),
    ("不少于", AtLeast),
    ("不低于", AtLeast),
    ("不小于", AtLeast),
    ("不到", AtMost),
    ("不足", AtMost),
    ("未满", AtMost),
    ("不满", AtMost),
    ("未达", AtMost),
    ("少于", AtMost),
    ("低于", AtMost),
    ("小于", AtMost),
    ("至多", AtMost),
    ("最多", AtMost),
    ("no more than", AtMost),
    ("not more than", AtMost),
    ("no less than", AtLeast),
    ("no fewer than", AtLeast),
    ("not less than", AtLeast),
    ("less than", AtMost),
    ("fewer than", AtMost),
    ("under", AtMost),
    ("below", AtMost),
    ("up to", AtMost),
    ("at most", AtMost),
    ("<=", AtMost),
    ("≤", AtMost),
    ("<", AtMost),
    ("均超过", AtLeast),
    ("均超", AtLeast),
    ("已超过", AtLeast),
    ("超过了", AtLeast),
    ("超过", AtLeast),
    ("超", AtLeast),
    ("突破了", AtLeast),
    ("突破", AtLeast),
    ("逾", AtLeast),
    ("多于", AtLeast),
    ("高于", AtLeast),
    ("大于", AtLeast),
    ("至少", AtLeast),
    ("最少", AtLeast),
    ("起码", AtLeast),
    ("破", AtLeast),
    ("过", AtLeast),
    ("more than", AtLeast),
    ("greater than", AtLeast),
    ("upwards of", AtLeast),
    ("in excess of", AtLeast),
    ("well over", AtLeast),
    ("just over", AtLeast),
    ("over", AtLeast),
    ("above", AtLeast),
    ("at least", AtLeast),
    ("exceeding", AtLeast),
    ("exceeded", AtLeast),
    ("exceeds", AtLeast),
    ("topping", AtLeast),
    ("topped", AtLeast),
    ("surpassed", AtLeast),
    ("minimum", AtLeast),
    (">=", AtLeast),
    ("≥", AtLeast),
    (">", AtLeast),
    ("环比", Neutral),
    ("同比", Neutral),
    ("增长率", Neutral),
    ("增长了", Neutral),
    ("增长", Neutral),
    ("增幅", Neutral),
    ("上涨", Neutral),
    ("上升", Neutral),
    ("提升", Neutral),
    ("增加", Neutral),
    ("下降了", Decline),
    ("下降", Decline),
    ("下跌", Decline),
    ("下滑", Decline),
    ("减少", Decline),
    ("降低", Decline),
    ("负", Decline),
    ("minus", Decline),
    ("down", Decline),
    ("共计", Neutral),
    ("总计", Neutral),
    ("合计", Neutral),
    ("共有", Neutral),
    ("共", Neutral),
    ("达到了", Neutral),
    ("达到", Neutral),
    ("高达", Neutral),
    ("达", Neutral),
    ("仅为", Neutral),
    ("仅", Neutral),
    ("为", Neutral),
    ("a total of", Neutral),
    ("total of", Neutral),
    ("between", Neutral),
    ("exactly", Neutral),
    ("only", Neutral),
    ("up", Neutral),
    ("第", Ordinal),
    ("no.", Ordinal),
    ("number", Ordinal),
    ("ranked", Ordinal),
    ("rank", Ordinal),
    ("#", Ordinal),
];

/// Words after a number, its scale or its unit.
pub(super) const AFTER: &[(&str, Sense)] = &[
    ("多", AtLeast),
    ("余", AtLeast),
    ("以上", AtLeast),
    ("+", AtLeast),
    ("or more", AtLeast),
    ("and above", AtLeast),
    ("plus", AtLeast),
    ("以下", AtMost),
    ("以内", AtMost),
    ("or less", AtMost),
    ("or fewer", AtMost),
    ("左右", About),
    ("上下", About),
    ("or so", About),
];

/// Powers of ten that may follow a number at once or after a blank.
pub(super) const LATIN_SCALES: &[(&str, i32)] = &[
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("millions", 6),
    ("billion", 9),
    ("billions", 9),
    ("trillion", 12),
    ("trillions", 12),
    ("lakh", 5),
    ("lakhs", 5),
    ("crore", 7),
    ("crores", 7),
    ("mln", 6),
    ("mil", 6),
    ("mio", 6),
    ("mn", 6),
    ("mm", 6),
    ("bln", 9),
    ("bn", 9),
    ("trn", 12),
    ("tn", 12),
    ("k", 3),
    ("m", 6),
    ("b", 9),
];

/// Words for some, but not how many.
pub(super) const SEVERAL: &[&str] = &["several", "a few", "数", "几", "multiple"];

/// Classifiers: what Chinese puts between a number and what is counted.
pub(super) const CLASSIFIERS: &str = "个家款项名位条次笔台轮件人篇所座";

/// What follows a number in a date or a time.
pub(super) const DATE_ENDINGS: &[&str] = &["年", "月", "日", "号", "季度", "时", "点", "周年"];

/// Signs between the two numbers of a range.
pub(super) const RANGE_SIGNS: &[&str] = &["-", "–", "~", "至", "到", " to ", " and ", "..", "…"];

/// Texts that say there's no value, whole.
pub(super) const NO_VALUE: &[&str] = &[
    "n/a",
    "na",
    "n.a.",
    "n.d.",
    "nan",
    "null",
    "none",
    "nil",
    "unknown",
    "undisclosed",
    "tbd",
    "tba",
    "-",
    "–",
    "--",
    "–-",
    "?",
    "/",
    "\\",
    "*",
    "无",
    "未知",
    "暂无",
    "不详",
    "未披露",
    "未公开",
    "保密",
    "缺失",
];

/// The word of a list that stands at a place: its index in the text after it, and what it means.
pub(super) fn longest_at<T: Copy>(
    list: &[(&str, T)],
    letters: &super::text::Letters,
    index: usize,
) -> Option<(T, usize)> {
    list.iter()
        .filter_map(|(word, meaning)| letters.word_at(index, word).map(|next| (*meaning, next)))
        .max_by_key(|(_, next)| *next)
}
