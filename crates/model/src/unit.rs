//! Units: money, ratios, and counts of something.

use std::borrow::Cow;

use crate::currency::Currency;

/// What a value is measured in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Money, in its original currency.
    Currency(Currency),
    /// A share, a growth or another quotient: 0.05 is five per cent.
    Ratio,
    /// A count of something: users, downloads, projects, tokens, or a place in a ranking (`rank`).
    Count(String),
}

/// Words for what is counted, with the one under which it is stored. Longest first where one starts another.
///
/// To add a word: one row, and a case in `tests/cases/quantities.toml`.
pub(crate) const COUNT_WORDS: &[(&str, &str)] = &[
    ("monthly active users", "users"),
    ("weekly active users", "users"),
    ("daily active users", "users"),
    ("active users", "users"),
    ("users", "users"),
    ("user", "users"),
    ("mau", "users"),
    ("wau", "users"),
    ("dau", "users"),
    ("活跃用户", "users"),
    ("付费用户", "users"),
    ("注册用户", "users"),
    ("用户", "users"),
    ("使用者", "users"),
    ("downloads", "downloads"),
    ("download", "downloads"),
    ("次下载", "downloads"),
    ("下载量", "downloads"),
    ("下载", "downloads"),
    ("visits", "visits"),
    ("visit", "visits"),
    ("次访问", "visits"),
    ("访问量", "visits"),
    ("中标项目", "projects"),
    ("采购项目", "projects"),
    ("projects", "projects"),
    ("project", "projects"),
    ("项目", "projects"),
    ("tokens", "tokens"),
    ("token", "tokens"),
    ("employees", "people"),
    ("people", "people"),
    ("员工", "people"),
    ("人次", "visits"),
    ("人", "people"),
    ("companies", "companies"),
    ("家公司", "companies"),
    ("家企业", "companies"),
    ("impressions", "impressions"),
    ("views", "views"),
    ("stars", "stars"),
    ("hours", "hours"),
    ("hour", "hours"),
    ("小时", "hours"),
    ("minutes", "minutes"),
    ("minute", "minutes"),
    ("分钟", "minutes"),
    ("rounds", "rounds"),
    ("points", "points"),
    ("rank", "rank"),
    ("名次", "rank"),
];

const RATIO_WORDS: &[&str] = &["ratio", "%", "％", "percent", "per cent", "pct", "share", "倍", "百分点"];

impl Unit {
    /// Reads a unit's word: `CNY`, `元`, `%`, `ratio`, `users`, `用户`, or any other single word, which is a count
    /// of that.
    ///
    /// `None` if the text is empty, holds a digit first, or is longer than 64 bytes. A per cent sign means
    /// [`Unit::Ratio`]; it's for the caller to know whether the value has been divided by 100.
    pub fn parse(text: &str) -> Option<Unit> {
        let word = text.trim();
        if word.is_empty() || word.len() > 64 || word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Some(currency) = Currency::parse(word) {
            return Some(Unit::Currency(currency));
        }
        let key = crate::name::normalise(word);
        if RATIO_WORDS.contains(&key.as_str()) {
            return Some(Unit::Ratio);
        }
        let known = COUNT_WORDS.iter().find(|(written, _)| *written == key);
        match known {
            Some((_, stored)) => Some(Unit::Count((*stored).to_owned())),
            None if key.is_empty() => None,
            None => Some(Unit::Count(key)),
        }
    }

    /// The word under which the unit is stored: `CNY`, `ratio`, `users`.
    pub fn as_str(&self) -> &str {
        match self {
            Unit::Currency(currency) => currency.code(),
            Unit::Ratio => "ratio",
            Unit::Count(word) => word,
        }
    }

    /// The currency, if the unit is money.
    pub fn currency(&self) -> Option<Currency> {
        match self {
            Unit::Currency(currency) => Some(*currency),
            Unit::Ratio | Unit::Count(_) => None,
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl serde::Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Unit::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("{word:?} is not a unit")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back_from_what_they_are_stored_as() {
        for word in ["CNY", "USD", "ratio", "users", "projects", "tokens", "rank", "elo"] {
            assert_eq!(Unit::parse(word).unwrap().as_str(), word);
        }
    }

    #[test]
    fn units_are_read_in_several_languages() {
        assert_eq!(Unit::parse("元").unwrap().as_str(), "CNY");
        assert_eq!(Unit::parse("用戶").unwrap().as_str(), "users");
        assert_eq!(Unit::parse("％").unwrap(), Unit::Ratio);
        assert_eq!(Unit::parse(""), None);
        assert_eq!(Unit::parse("7 days"), None);
    }
}
