//! A template in pieces: text, and tags between `{{` and `}}`: words, in quotes where they hold blanks.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A tag: its words, and the line it stands in, from 1.
    Tag { line: usize, words: Vec<String> },
    /// A tag that cannot be read.
    Broken { line: usize, what: String },
}

/// The pieces, in order.
pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut line) = (template, 1);
    while let Some(at) = rest.find("{{") {
        let text = &rest[..at];
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        line += text.matches('\n').count();
        let inside = &rest[at + 2..];
        // A tag ends in its own line, so that one that is not closed does not swallow the rest.
        let end_of_line = inside.find('\n').unwrap_or(inside.len());
        let Some(end) = inside[..end_of_line].find("}}") else {
            pieces.push(Piece::Broken { line, what: "a {{ is not closed by }} in its line".into() });
            rest = &inside[end_of_line..];
            continue;
        };
        pieces.push(match words(&inside[..end]) {
            Ok(words) if words.is_empty() => Piece::Broken { line, what: "{{ }} is empty".into() },
            Ok(words) => Piece::Tag { line, words },
            Err(what) => Piece::Broken { line, what },
        });
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    for character in text.chars() {
        match character {
            '"' | '“' | '”' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            character if character.is_whitespace() && !is_quoted => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    if is_quoted {
        return Err(format!("a quote is not closed in {{{{{text}}}}}"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_text() {
        let found =
            pieces("# A\n{{ figure \"豆包 app\" mau 2024-12 limit=3 }}, {{x}}\n{{ open\nnext {{ \"a }} {{ }} end");
        let tag =
            |line: usize, words: &[&str]| Piece::Tag { line, words: words.iter().map(|word| (*word).into()).collect() };
        assert_eq!(found[0], Piece::Text("# A\n"));
        assert_eq!(found[1], tag(2, &["figure", "豆包 app", "mau", "2024-12", "limit=3"]));
        assert_eq!(found[3], tag(2, &["x"]));
        assert!(matches!(&found[5], Piece::Broken { line: 3, .. }));
        assert!(matches!(&found[7], Piece::Broken { line: 4, what } if what.contains("quote")));
        assert!(matches!(&found[9], Piece::Broken { line: 4, what } if what.contains("empty")));
        assert_eq!(found[10], Piece::Text(" end"));
        assert_eq!(pieces("no tags }} here"), [Piece::Text("no tags }} here")]);
        assert!(pieces("").is_empty());
    }
}
