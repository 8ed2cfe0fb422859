//! What changes on pages by itself: dates and ages, counters, ids. A line is read word by word; no patterns are compiled.

use super::mentioned::is_cjk;

/// A part of a line: a number, a word, a single letter of Chinese, or a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token<'a> {
    text: &'a str,
    kind: Kind,
    is_apart: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Word,
    Cjk,
    Sign,
}

/// What stands in a line for a number that is left out.
const LEFT_OUT: &str = "#";

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"];
const UNITS: &[&str] = &[
    "s", "sec", "second", "m", "min", "minute", "h", "hr", "hour", "d", "day", "w", "week", "mo", "month", "y", "yr",
    "year",
];
const UNITS_CJK: &[&str] = &[
    "秒钟", "秒鐘", "秒", "分钟", "分鐘", "分", "小时", "小時", "天", "日", "周", "週", "星期", "个月", "個月", "月",
    "年",
];
const SCALES: &[&str] = &["k", "m", "b", "w", "thousand", "million", "billion"];
const COUNTED: &[&str] = &[
    "view", "viewer", "visitor", "like", "comment", "share", "follower", "reply", "replies", "vote", "upvote",
    "retweet", "repost", "reaction", "online", "watching", "viewing", "read",
];
const COUNTED_BEFORE: &[&str] = &["view", "like", "comment", "share", "follower", "vote", "visitor", "replies"];
const COUNTED_CJK: &[&str] = &[
    "次浏览",
    "次瀏覽",
    "次阅读",
    "次閱讀",
    "次播放",
    "人在看",
    "人围观",
    "人在线",
    "人点赞",
    "人关注",
    "条评论",
    "條評論",
    "个赞",
    "阅读",
    "閱讀",
    "浏览",
    "瀏覽",
    "点赞",
    "點讚",
    "评论",
    "評論",
    "收藏",
    "转发",
    "轉發",
    "围观",
    "在看",
    "人气",
    "热度",
    "播放",
];
const AFTER_COUNTED_CJK: &[&str] = &["量", "数", "數", "次数", "次數"];

/// A line without what changes by itself.
pub(crate) fn without(line: &str, keeps_dates: bool, keeps_counters: bool) -> String {
    let start = line.to_lowercase();
    if !keeps_dates && ["©", "(c) ", "copyright "].iter().any(|mark| start.starts_with(mark)) {
        return String::new();
    }
    let words: Vec<&str> = line.split(' ').map(|word| if is_id(word) { LEFT_OUT } else { word }).collect();
    let line = words.join(" ");
    let tokens = tokens(&line);
    let mut kept = String::new();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        let n_dated = if keeps_dates { 0 } else { moment(rest).max(age(rest)).max(countdown(rest)) };
        if n_dated > 0 {
            rest = rest.get(n_dated..).unwrap_or_default();
            continue;
        }
        let n_counted = if keeps_counters { 0 } else { counter(rest) };
        if n_counted > 0 {
            push(&mut kept, LEFT_OUT, token.is_apart);
            rest = rest.get(n_counted..).unwrap_or_default();
            continue;
        }
        let n_label = if keeps_counters { 0 } else { label_of_counter(rest) };
        if n_label > 0 {
            for token in rest.iter().take(n_label) {
                push(&mut kept, token.text, token.is_apart);
            }
            push(&mut kept, LEFT_OUT, at(rest, n_label).is_some_and(|token| token.is_apart));
            let after_label = rest.get(n_label..).unwrap_or_default();
            rest = after_label.get(1 + n_scales(after_label)..).unwrap_or_default();
            continue;
        }
        push(&mut kept, token.text, token.is_apart);
        rest = after;
    }
    kept.trim_matches([' ', ',', '·', '|', ':', '：', '，', '-', '–', '•']).to_owned()
}

fn push(kept: &mut String, text: &str, is_apart: bool) {
    if is_apart && !kept.is_empty() && !kept.ends_with(' ') {
        kept.push(' ');
    }
    kept.push_str(text);
}

fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut is_apart = false;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if letter == ' ' {
            is_apart = true;
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (kind, n_bytes) = if letter.is_ascii_digit() {
            (Kind::Number, number_length(rest))
        } else if is_cjk(letter) {
            (Kind::Cjk, letter.len_utf8())
        } else if letter.is_alphabetic() {
            let end = rest.find(|other: char| !other.is_alphabetic() || is_cjk(other)).unwrap_or(rest.len());
            (Kind::Word, end)
        } else {
            (Kind::Sign, letter.len_utf8())
        };
        let (text, after) = rest.split_at(n_bytes);
        tokens.push(Token { text, kind, is_apart });
        is_apart = false;
        rest = after;
    }
    tokens
}

/// Digits, with points and commas between them.
fn number_length(text: &str) -> usize {
    let mut end = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        let goes_on = letter.is_ascii_digit()
            || matches!(letter, '.' | ',') && letters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        if !goes_on {
            break;
        }
        end = place + letter.len_utf8();
    }
    end
}

impl Token<'_> {
    fn lower(&self) -> String {
        self.text.to_lowercase()
    }

    fn is_word_of(&self, words: &[&str]) -> bool {
        let lower = self.lower();
        self.kind == Kind::Word && (words.contains(&lower.as_str()) || words.contains(&lower.trim_end_matches('s')))
    }

    fn whole(&self) -> Option<u32> {
        (self.kind == Kind::Number).then(|| self.text.parse().ok()).flatten()
    }

    fn is_year(&self) -> bool {
        self.text.len() == 4 && self.whole().is_some_and(|year| (1990..2100).contains(&year))
    }

    fn is_day(&self) -> bool {
        self.text.len() <= 2 && self.whole().is_some_and(|day| (1..=31).contains(&day))
    }

    fn is_month(&self) -> bool {
        let lower = self.lower();
        let is_name = |name: &str| {
            [
                "january",
                "february",
                "march",
                "april",
                "may",
                "june",
                "july",
                "august",
                "september",
                "october",
                "november",
                "december",
            ]
            .contains(&name)
        };
        self.kind == Kind::Word && (MONTHS.contains(&lower.as_str()) || is_name(&lower))
    }

    fn is_sign(&self, signs: &str) -> bool {
        signs.contains(self.text)
    }
}

fn at<'a, 'b>(tokens: &'b [Token<'a>], place: usize) -> Option<&'b Token<'a>> {
    tokens.get(place)
}

/// Tokens of a date, a time of day or both that begin here.
fn moment(tokens: &[Token<'_>]) -> usize {
    let n = date(tokens);
    if n == 0 {
        return time(tokens);
    }
    let is_between = |token: &Token<'_>| token.is_word_of(&["at"]) || matches!(token.text, "," | "·" | "-");
    let n_between = usize::from(at(tokens, n).is_some_and(is_between));
    match time(tokens.get(n + n_between..).unwrap_or_default()) {
        0 => n,
        n_time => n + n_between + n_time,
    }
}

/// Tokens of a date that begins here.
fn date<'a>(tokens: &[Token<'a>]) -> usize {
    let is = |place: usize, test: &dyn Fn(&Token<'a>) -> bool| at(tokens, place).is_some_and(test);
    let is_number = |token: &Token<'a>| token.whole().is_some();
    // 2026.11.25 is read as one number.
    let parts: Vec<&str> = at(tokens, 0).map(|token| token.text.split('.').collect()).unwrap_or_default();
    let is_year = |part: &&str| part.parse().is_ok_and(|year: u32| (1990..2100).contains(&year));
    if parts.len() == 3 && (parts.first().is_some_and(is_year) || parts.last().is_some_and(is_year)) {
        return 1;
    }
    let is_joined =
        is(1, &|token| token.is_sign("-/")) && at(tokens, 1).map(|t| t.text) == at(tokens, 3).map(|t| t.text);
    if is_joined && is(0, &is_number) && is(2, &|token| token.is_day()) && is(4, &is_number) {
        let is_short = |place: usize| at(tokens, place).is_some_and(|token| token.text.len() <= 2);
        let is_short_date = is(1, &|token| token.text == "/") && [0, 2, 4].into_iter().all(is_short);
        let has_year = is(0, &|token| token.is_year()) || is(4, &|token| token.is_year()) || is_short_date;
        return if has_year { 5 + clock_of_iso(tokens.get(5..).unwrap_or_default()) } else { 0 };
    }
    date_cjk(tokens).max(date_in_words(tokens))
}

/// `T12:00:00.5Z` after a date.
fn clock_of_iso(tokens: &[Token<'_>]) -> usize {
    if at(tokens, 0).is_none_or(|token| token.text != "T") {
        return 0;
    }
    match time(tokens.get(1..).unwrap_or_default()) {
        0 => 0,
        n => 1 + n + usize::from(at(tokens, 1 + n).is_some_and(|token| token.text == "Z")),
    }
}

fn date_cjk(tokens: &[Token<'_>]) -> usize {
    let follows = |place: usize, text: &str| at(tokens, place).is_some_and(|token| token.text == text);
    let is_number = |place: usize| at(tokens, place).is_some_and(|token| token.whole().is_some());
    let mut n = 0;
    if at(tokens, 0).is_some_and(|token| token.is_year()) && follows(1, "年") {
        n = 2;
    }
    if is_number(n) && follows(n + 1, "月") {
        n += 2;
        if is_number(n) && (follows(n + 1, "日") || follows(n + 1, "号") || follows(n + 1, "號")) {
            return n + 2;
        }
        return if n == 4 { n } else { 0 };
    }
    0
}

/// `Tue, Nov 25th, 2026`, `25 November 2026`, `November 2026`.
fn date_in_words<'a>(tokens: &[Token<'a>]) -> usize {
    let mut n = 0;
    let is = |place: usize, test: &dyn Fn(&Token<'a>) -> bool| at(tokens, place).is_some_and(test);
    if is(0, &|token| token.is_word_of(WEEKDAYS) || token.lower().ends_with("day")) {
        n = 1 + usize::from(is(1, &|token| token.is_sign(",")));
    }
    let skips = |place: usize, signs: &str| usize::from(is(place, &|token| token.is_sign(signs)));
    let is_ordinal = |token: &Token<'a>| token.is_word_of(&["st", "nd", "rd", "th"]) && !token.is_apart;
    if is(n, &|token| token.is_month()) {
        n += 1;
        n += skips(n, ".");
        let has_day = is(n, &|token| token.is_day());
        if has_day {
            n += 1;
            n += usize::from(is(n, &is_ordinal));
        }
        let comma = skips(n, ",");
        let has_year = is(n + comma, &|token| token.is_year());
        return if has_year {
            n + comma + 1
        } else if has_day {
            n
        } else {
            0
        };
    }
    if is(n, &|token| token.is_day()) {
        n += 1;
        n += usize::from(is(n, &|token| is_ordinal(token) || token.text == "."));
        if is(n, &|token| token.is_month()) {
            n += 1;
            n += skips(n, ".,");
            return n + usize::from(is(n, &|token| token.is_year()));
        }
    }
    0
}

/// Tokens of a time of day that begins here: `12:34`, `9:05:00 am UTC`.
fn time(tokens: &[Token<'_>]) -> usize {
    let colon = |place: usize| at(tokens, place).is_some_and(|token| token.text == ":" || token.text == "：");
    let is_pair =
        |place: usize| at(tokens, place).is_some_and(|token| token.kind == Kind::Number && token.text.len() >= 2);
    let is_hour =
        at(tokens, 0).is_some_and(|token| token.text.len() <= 2 && token.whole().is_some_and(|hour| hour <= 24));
    let is_half_of_day = |token: &Token<'_>| token.is_word_of(&["am", "pm"]);
    if is_hour && at(tokens, 1).is_some_and(is_half_of_day) {
        return 2;
    }
    if !(is_hour && colon(1) && is_pair(2)) {
        return 0;
    }
    let mut n = 3;
    if colon(3) && is_pair(4) {
        n = 5;
    }
    while at(tokens, n).is_some_and(|token| token.is_word_of(&["am", "pm", "utc", "gmt", "est", "pst", "cst", "cet"])) {
        n += 1;
    }
    n
}

/// Tokens of an age that begins here: `3 hours ago`, `just now`, `5分钟前`.
fn age(tokens: &[Token<'_>]) -> usize {
    let word = |place: usize, words: &[&str]| at(tokens, place).is_some_and(|token| token.is_word_of(words));
    let is_number = at(tokens, 0).is_some_and(|token| token.kind == Kind::Number);
    if (is_number || word(0, &["a", "an", "one", "few"])) && word(1, UNITS) && word(2, &["ago"]) {
        return 3;
    }
    if word(0, &["just"]) && word(1, &["now"]) || word(0, &["moment"]) && word(1, &["ago"]) {
        return 2;
    }
    if word(0, &["yesterday"]) {
        return 1;
    }
    let n_now = cjk_word(tokens, &["刚刚", "剛剛", "昨天", "前天"]);
    if n_now > 0 || !is_number {
        return n_now;
    }
    let n_unit = cjk_word(tokens.get(1..).unwrap_or_default(), UNITS_CJK);
    let is_before = at(tokens, 1 + n_unit).is_some_and(|token| token.text == "前");
    if n_unit > 0 && is_before { n_unit + 2 } else { 0 }
}

/// Tokens of a countdown that begins here: `2d 13h 45m`.
fn countdown(tokens: &[Token<'_>]) -> usize {
    let mut n = 0;
    while at(tokens, n).is_some_and(|token| token.whole().is_some())
        && at(tokens, n + 1).is_some_and(|token| token.is_word_of(&["d", "day", "h", "hour", "m", "min", "s", "sec"]))
    {
        n += 2;
    }
    if n >= 4 { n } else { 0 }
}

/// Tokens of a number that counts what readers do, and begins here: the number before or after what it counts, whose own
/// words stay.
fn counter(tokens: &[Token<'_>]) -> usize {
    if at(tokens, 0).is_none_or(|token| token.kind != Kind::Number) {
        return 0;
    }
    let n = 1 + n_scales(tokens);
    let rest = tokens.get(n..).unwrap_or_default();
    let is_people = at(rest, 0).is_some_and(|token| token.is_word_of(&["people", "person", "other"]));
    let after_people = rest.get(1..).unwrap_or_default().iter().take(3).any(|token| token.is_word_of(COUNTED));
    let is_counted = at(rest, 0).is_some_and(|token| token.is_word_of(COUNTED));
    if is_counted || is_people && after_people || cjk_word(rest, COUNTED_CJK) > 0 { n } else { 0 }
}

/// Tokens after a number that say how large it is: `k`, `万`, `+`.
fn n_scales(tokens: &[Token<'_>]) -> usize {
    let is_scale =
        |token: &&Token<'_>| token.is_word_of(SCALES) || matches!(token.text, "万" | "萬" | "亿" | "億" | "+");
    tokens.iter().skip(1).take_while(is_scale).count()
}

/// Tokens of a label that begins here and that a counter follows: `Views:`, `阅读量`.
fn label_of_counter(tokens: &[Token<'_>]) -> usize {
    let is_latin = at(tokens, 0).is_some_and(|token| token.is_word_of(COUNTED_BEFORE));
    let mut n = if is_latin { 1 } else { cjk_word(tokens, COUNTED_CJK) };
    if n == 0 {
        return 0;
    }
    n += cjk_word(tokens.get(n..).unwrap_or_default(), AFTER_COUNTED_CJK);
    n += usize::from(at(tokens, n).is_some_and(|token| matches!(token.text, ":" | "：" | "(" | "（")));
    if at(tokens, n).is_some_and(|token| token.kind == Kind::Number) { n } else { 0 }
}

/// Tokens of the Chinese word of a list that begins here.
fn cjk_word(tokens: &[Token<'_>], words: &[&str]) -> usize {
    let begins = |word: &&&str| {
        word.chars().enumerate().all(|(place, letter)| {
            at(tokens, place).is_some_and(|token| token.kind == Kind::Cjk && token.text.starts_with(letter))
        })
    };
    words.iter().find(begins).map_or(0, |word| word.chars().count())
}

/// Whether a word is an id of a session or a build: long, and letters and digits by turns.
fn is_id(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = word.split('-').collect();
    if let [a, b, c, d, e] = parts.as_slice() {
        let lengths = [a.len(), b.len(), c.len(), d.len(), e.len()];
        return lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| is_hex(part));
    }
    if !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let bytes = word.as_bytes();
    let n_turns =
        bytes.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit())).count();
    n_turns >= 3 && (word.len() >= 20 || word.len() >= 16 && is_hex(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_by_itself_is_left_out() {
        for (line, kept) in [
            ("Updated 3 hours ago", "Updated"),
            ("Last seen: 2026-11-25T10:00:00Z", "Last seen"),
            ("Posted on Tue, Nov 25th, 2026", "Posted on"),
            ("25 November 2026 · 12:34 pm UTC", ""),
            ("更新于2026年11月25日 09:30", "更新于"),
            ("5分钟前", ""),
            ("1,234 views", "# views"),
            ("Views: 1.2K Likes (56)", "Views: # Likes (#)"),
            ("阅读量 12.5万 评论 8", "阅读量 # 评论 #"),
            ("356 人在看", "# 人在看"),
            ("12 people are viewing this", "# people are viewing this"),
            ("© 2024–2026 Example Ltd.", ""),
            ("Request id: 7f9c1a2b3d4e5f60", "Request id: #"),
            ("trace 123e4567-e89b-12d3-a456-426614174000 end", "trace # end"),
            ("Checked 11/25/26 at 5pm", "Checked"),
            ("Stand: 25. November 2026", "Stand"),
            ("Offer ends in 2d 13h 45m", "Offer ends in"),
        ] {
            assert_eq!(without(line, false, false), kept, "{line}");
        }
    }

    #[test]
    fn what_a_page_says_stays() {
        for line in [
            "Pro $20 a month",
            "专业版每月68元起",
            "100M users",
            "claude-3-5-sonnet-20241022",
            "GPT-5.1 costs $1.25 / 1M",
            "v2.10.3 of 3 plans",
            "Up to 5 members, 24/7 support",
            "2026 年",
            "12 个月",
            "16 x 9",
        ] {
            assert_eq!(without(line, false, false), line, "{line}");
        }
        assert_eq!(without("Since 25 November 2026, 5 views", true, true), "Since 25 November 2026, 5 views");
    }
}
