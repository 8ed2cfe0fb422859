//! What changed between two texts, in words that a person reads: what came, what went, what was reworded.

use std::collections::BTreeSet;

use similar::{Algorithm, DiffOp, capture_diff_slices, get_diff_ratio};

use super::mentioned::is_cjk;

/// Letters of a description.
const CHARS_MAX: usize = 2000;
/// Letters of one line in it.
const LINE_CHARS_MAX: usize = 400;
/// Words around a change that are shown.
const WORDS_AROUND: usize = 6;
/// Lines that are compared with one another for rewording; the work grows with its square.
const LINES_COMPARED_MAX: usize = 100;
/// Words by which two lines are compared for rewording; the work grows with its square.
const WORDS_OF_LIKENESS_MAX: usize = 60;
/// Words of a line in which changes are looked for.
const WORDS_MAX: usize = 2000;
/// How alike two lines are of which one is the other reworded.
const ALIKE_MIN: f32 = 0.5;

/// Whether two texts say the same: the same lines in any order, or the same words however they are cut into lines.
pub(crate) fn says_the_same(before: &[String], after: &[String], is_ordered: bool) -> bool {
    let are_same_words = before.iter().flat_map(|line| letters(line)).eq(after.iter().flat_map(|line| letters(line)));
    if is_ordered || are_same_words {
        return are_same_words;
    }
    let before: BTreeSet<&str> = before.iter().map(String::as_str).collect();
    before == after.iter().map(String::as_str).collect()
}

fn letters(line: &str) -> impl Iterator<Item = char> {
    line.chars().filter(|letter| !letter.is_whitespace())
}

/// What changed, a line for each change: `~` before a line that was reworded, with `[old → new]` in it, `+` before what
/// came, `−` before what went.
pub(crate) fn in_words(before: &[String], after: &[String]) -> String {
    let known: BTreeSet<&str> = before.iter().map(String::as_str).collect();
    let now: BTreeSet<&str> = after.iter().map(String::as_str).collect();
    let mut gone: Vec<&str> = without_doubles(before.iter().map(String::as_str).filter(|line| !now.contains(line)));
    let come: Vec<&str> = without_doubles(after.iter().map(String::as_str).filter(|line| !known.contains(line)));
    let mut changes = Vec::new();
    for line in &come {
        let alike = (changes.len() < LINES_COMPARED_MAX).then(|| most_alike(line, &gone)).flatten();
        match alike {
            Some(place) => changes.push(format!("~ {}", reworded(gone.remove(place), line))),
            None => changes.push(format!("+ {}", cut(line, LINE_CHARS_MAX))),
        }
    }
    changes.extend(gone.iter().map(|line| format!("− {}", cut(line, LINE_CHARS_MAX))));
    if changes.is_empty() {
        return "the same lines in another order".into();
    }
    joined(&changes)
}

fn joined(changes: &[String]) -> String {
    let mut text = String::new();
    for (n_told, change) in changes.iter().enumerate() {
        if n_told > 0 && text.chars().count() + change.chars().count() > CHARS_MAX {
            text.push_str(&format!("\n… and {} more", changes.len() - n_told));
            break;
        }
        if n_told > 0 {
            text.push('\n');
        }
        text.push_str(change);
    }
    text
}

fn without_doubles<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    lines.filter(|line| seen.insert(*line)).collect()
}

fn cut(text: &str, n_chars_max: usize) -> String {
    if text.chars().count() <= n_chars_max {
        return text.to_owned();
    }
    text.chars().take(n_chars_max).chain(['…']).collect()
}

/// The place of the line that is most like another, if one is like it at all.
fn most_alike(line: &str, others: &[&str]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    let new = words(line, WORDS_OF_LIKENESS_MAX);
    for (place, other) in others.iter().enumerate().take(LINES_COMPARED_MAX) {
        let old = words(other, WORDS_OF_LIKENESS_MAX);
        // Lines of very different length cannot be alike enough; comparing them would be the costly part.
        let (shorter, longer) = (old.len().min(new.len()), old.len().max(new.len()));
        if ((2 * shorter) as f32) < ALIKE_MIN * (shorter + longer) as f32 {
            continue;
        }
        let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
        let ratio = get_diff_ratio(&ops, old.len(), new.len());
        if ratio >= ALIKE_MIN && best.is_none_or(|(_, known)| ratio > known) {
            best = Some((place, ratio));
        }
    }
    best.map(|(place, _)| place)
}

/// The words of a line; of scripts that are written without blanks, each letter.
fn words(line: &str, n_max: usize) -> Vec<&str> {
    let mut words = Vec::new();
    for part in line.split_whitespace() {
        let mut rest = part;
        while let Some(letter) = rest.chars().next() {
            let end = match is_cjk(letter) {
                true => letter.len_utf8(),
                false => rest.find(is_cjk).unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(end);
            words.push(word);
            rest = after;
        }
    }
    words.truncate(n_max);
    words
}

fn reworded(before: &str, after: &str) -> String {
    let (old, new) = (words(before, WORDS_MAX), words(after, WORDS_MAX));
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
    let n_ops = ops.len();
    let part = |words: &[&str], start: usize, n: usize| sentence(words.get(start..start + n).unwrap_or_default());
    let mut pieces: Vec<String> = Vec::new();
    for (place, op) in ops.into_iter().enumerate() {
        pieces.push(match op {
            DiffOp::Equal { old_index, len, .. } => {
                around(old.get(old_index..old_index + len).unwrap_or_default(), place == 0, place + 1 == n_ops)
            }
            DiffOp::Delete { old_index, old_len, .. } => format!("[− {}]", part(&old, old_index, old_len)),
            DiffOp::Insert { new_index, new_len, .. } => format!("[+ {}]", part(&new, new_index, new_len)),
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                format!("[{} → {}]", part(&old, old_index, old_len), part(&new, new_index, new_len))
            }
        });
    }
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    cut(&sentence(&pieces), CHARS_MAX)
}

/// Words that did not change, as far as they are near a change.
fn around(words: &[&str], is_start: bool, is_end: bool) -> String {
    let n_before = if is_start { 0 } else { WORDS_AROUND };
    let n_after = if is_end { 0 } else { WORDS_AROUND };
    if words.len() <= n_before + n_after + 1 {
        return sentence(words);
    }
    let first = sentence(words.get(..n_before).unwrap_or_default());
    let last = sentence(words.get(words.len() - n_after..).unwrap_or_default());
    [first.as_str(), "…", last.as_str()].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// Words with blanks between them where their script has blanks.
fn sentence(words: &[&str]) -> String {
    let mut text = String::new();
    for word in words {
        let is_cjk_before = text.chars().next_back().is_some_and(is_cjk);
        let is_cjk_after = word.chars().next().is_some_and(is_cjk);
        let is_at_an_end = text.is_empty() || word.is_empty();
        if !(is_at_an_end || is_cjk_before || is_cjk_after) {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn note(before: &[&str], after: &[&str]) -> String {
        in_words(&owned(before), &owned(after))
    }

    #[test]
    fn a_change_is_told_in_its_surroundings() {
        assert_eq!(note(&["Pro $20 a month"], &["Pro $25 a month"]), "~ Pro [$20 → $25] a month");
        assert_eq!(note(&["专业版每月68元起"], &["专业版每月98元起"]), "~ 专业版每月[68 → 98]元起");
        assert_eq!(note(&["a", "b"], &["b", "a", "c d"]), "+ c d");
        assert_eq!(note(&["one two", "x"], &["x"]), "− one two");
    }

    #[test]
    fn the_same_words_cut_otherwise_or_moved_say_the_same() {
        let after = owned(&["Pro", "$20", "Team $30"]);
        let says_the_same = |before: &[&str], is_ordered| says_the_same(&owned(before), &after, is_ordered);
        assert!(says_the_same(&["Pro $20", "Team $30"], false));
        assert!(says_the_same(&["Team $30", "Pro", "$20"], false));
        assert!(!says_the_same(&["Team $30", "Pro", "$20"], true));
        assert!(!says_the_same(&["Pro $30", "Team $20"], false));
    }
}
