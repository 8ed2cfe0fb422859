//! Values as SQL literals, for queries that are put together as text: escaping is done here and nowhere else.

/// Text as a literal.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts as literals with commas between, for `IN (…)`.
pub fn listed(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    texts.into_iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// An instant in microseconds since 1970-01-01 UTC as a literal.
pub fn instant(micros: i64) -> String {
    format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_literal() {
        assert_eq!(quoted("O'Neill'; --"), "'O''Neill''; --'");
        assert_eq!(listed(["a", "b'c"]), "'a', 'b''c'");
        assert_eq!(listed([""; 0]), "");
    }
}
