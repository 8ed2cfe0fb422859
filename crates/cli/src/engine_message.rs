//! What the engine says, as people read it: one clause without the names of its parts, and what it suggests.
//!
//! In: an error of the lake. Out: [`message`] and [`hint`]. Errors that are the lake's own words pass through.

use crowsnest_lake::LakeError;

/// Where in the engine something went wrong, which is of no use to who asked.
const PREFIXES: &[&str] = &[
    "SQL error: ",
    "sql parser error: ",
    "Error during planning: ",
    "Schema error: ",
    "Execution error: ",
    "External error: ",
    "Internal error: ",
    "External: ",
    "Arrow error: ",
    "Parquet error: ",
    "Parser error: ",
    "Cast error: ",
    "Object Store error: ",
    "type_coercion\ncaused by\n",
    "This feature is not implemented: ",
    "Generic DeltaTable error: ",
    "Failed to parse parquet: ",
];

/// The message of an error: one clause.
pub(crate) fn message(error: &LakeError) -> String {
    let text = error.to_string();
    if !is_of_the_engine(error) {
        return text;
    }
    match missing_file(&text) {
        Some(file) => format!("a file of the tables is missing: {file}"),
        None => clause(&text),
    }
}

/// What to do, where there is something to do.
pub(crate) fn hint(error: &LakeError) -> Option<String> {
    if !is_of_the_engine(error) {
        return error.hint();
    }
    let text = error.to_string();
    if missing_file(&text).is_some() {
        return Some(
            "restore the folder lake/ from a backup; `crowsnest doctor` tells what else is missing".to_owned(),
        );
    }
    let is_write = ["DDL not supported", "DML not supported", "Statement not supported"];
    if is_write.iter().any(|part| text.contains(part)) {
        return Some("questions only read; add figures with `crowsnest import`".to_owned());
    }
    if let Some((_, rest)) = text.split_once("Did you mean ") {
        let names: Vec<&str> = rest.split('\'').skip(1).step_by(2).take(1).collect();
        return names.first().map(|name| format!("did you mean {name}"));
    }
    if text.contains("ParserError(") {
        return Some("write one SELECT; see `crowsnest sql --help` for examples".to_owned());
    }
    error.hint()
}

fn is_of_the_engine(error: &LakeError) -> bool {
    matches!(
        error,
        LakeError::Engine(_) | LakeError::Delta(_) | LakeError::Arrow(_) | LakeError::Parquet(_) | LakeError::Store(_)
    )
}

/// A file that the tables' log names and that is not there.
fn missing_file(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Object at location ")?;
    let (file, _) = rest.split_once(" not found")?;
    Some(file.to_owned())
}

/// The first clause without the parts' names.
fn clause(text: &str) -> String {
    let mut rest = text.trim();
    if let Some(at) = rest.find("No function matches") {
        rest = &rest[at..];
    }
    loop {
        let before = rest;
        rest = PREFIXES.iter().fold(rest, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
        rest = without_rule(rest);
        if rest == before {
            break;
        }
    }
    let inside = rest.strip_prefix("ParserError(\"").and_then(|rest| rest.split_once("\")"));
    let unescaped =
        inside.map_or_else(|| rest.to_owned(), |(inside, _)| inside.replace("\\\"", "\"").replace("\\\\", "\\"));
    let line = unescaped.lines().next().unwrap_or_default();
    let end = line.find(". Did you mean").or_else(|| line.find(". You might need")).unwrap_or(line.len());
    let clause = line[..end].trim_end_matches(['.', ' ']).replace("crowsnest.public.", "");
    lower_first(&clause)
}

/// Without `Optimizer rule 'x' failed` and the line that leads to its cause.
fn without_rule(text: &str) -> &str {
    if !text.starts_with("Optimizer rule") {
        return text;
    }
    text.split_once("caused by\n").map_or(text, |(_, cause)| cause)
}

/// A small first letter, unless the word is a name in capitals.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clause_without_the_parts_names() {
        let cases = [
            (
                "SQL error: ParserError(\"Expected: an SQL statement, found: SELEC at Line: 1, Column: 1\")",
                "expected: an SQL statement, found: SELEC at Line: 1, Column: 1",
            ),
            ("Schema error: No field named x. Did you mean 'value'?\nValid fields are a, b.", "no field named x"),
            ("Error during planning: table 'crowsnest.public.nope' not found", "table 'nope' not found"),
            (
                "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Cast error: Cannot cast string 'a' \
                 to value of Int32 type",
                "cannot cast string 'a' to value of Int32 type",
            ),
            (
                "Error during planning: Internal error: Function 'sum' failed.\nThis issue was likely caused by a bug. No \
                 function matches the given name and argument types 'sum(Utf8)'. You might need to add casts.\n x",
                "no function matches the given name and argument types 'sum(Utf8)'",
            ),
            ("Arrow error: Divide by zero error", "divide by zero error"),
            ("Error during planning: DML not supported: Delete", "DML not supported: Delete"),
        ];
        for (said, expected) in cases {
            assert_eq!(clause(said), expected);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = "Parquet error: Parquet error: Failed to fetch metadata for file m/x.parquet: Object Store error: Object \
                    at location /m/x.parquet not found: No such file or directory (os error 2)";
        assert_eq!(missing_file(said).as_deref(), Some("/m/x.parquet"));
        assert_eq!(missing_file("table 'x' not found"), None);
    }
}
