//! Finds the elements of a JSON array without building it: strings and nesting are followed, nothing else is checked.

use std::ops::Range;

use memchr::memchr2;

/// Follows an array through a buffer that may grow behind it.
#[derive(Debug, Default)]
pub(crate) struct ElementScan {
    place: usize,
    start: Option<usize>,
    depth: u32,
    is_in_string: bool,
}

impl ElementScan {
    /// The next element that is whole in `bytes`; `end` is just after it. The array's opening bracket must have been
    /// taken off; commas between elements and its closing bracket are passed over.
    ///
    /// A bare number at the very end of `bytes` may go on, so it is whole only once something follows.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        while self.place < bytes.len() {
            if self.is_in_string {
                let offset = memchr2(b'"', b'\\', &bytes[self.place..])?;
                if bytes[self.place + offset] == b'\\' {
                    if self.place + offset + 1 >= bytes.len() {
                        self.place += offset;
                        return None;
                    }
                    self.place += offset + 2;
                    continue;
                }
                self.place += offset + 1;
                self.is_in_string = false;
                if self.depth == 0
                    && let Some(start) = self.start.take()
                {
                    return Some(start..self.place);
                }
                continue;
            }
            if let Some(found) = self.step(bytes[self.place]) {
                return Some(found);
            }
        }
        None
    }

    fn step(&mut self, byte: u8) -> Option<Range<usize>> {
        let here = self.place;
        self.place += 1;
        match (self.start, byte) {
            (None, b',' | b' ' | b'\t' | b'\r' | b'\n' | b']' | 0xef | 0xbb | 0xbf) => {}
            (None, b'{' | b'[') => {
                self.start = Some(here);
                self.depth = 1;
            }
            (None, b'"') => {
                self.start = Some(here);
                self.is_in_string = true;
            }
            (None, _) => self.start = Some(here),
            (Some(_), b'"') => self.is_in_string = true,
            (Some(_), b'{' | b'[') => self.depth += 1,
            (Some(start), b'}' | b']') if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.start = None;
                    return Some(start..self.place);
                }
            }
            (Some(start), b',' | b']' | b' ' | b'\t' | b'\r' | b'\n') if self.depth == 0 => {
                self.start = None;
                self.place = here;
                return Some(start..here);
            }
            (Some(_), _) => {}
        }
        None
    }

    /// Where an element begins that `bytes` did not hold the end of.
    pub(crate) fn unfinished(&self) -> Option<usize> {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> Vec<&str> {
        let mut scan = ElementScan::default();
        let mut found = Vec::new();
        while let Some(range) = scan.next(text.as_bytes()) {
            found.push(&text[range]);
        }
        found
    }

    #[test]
    fn elements_are_told_apart_through_strings_and_nesting() {
        let text = r#" {"a":"],[{\""}, [1,[2]] , 3,"x\","  ] "#;
        assert_eq!(elements(text), [r#"{"a":"],[{\""}"#, "[1,[2]]", "3", r#""x\",""#]);
    }

    #[test]
    fn what_is_cut_short_is_not_an_element() {
        let text = r#"{"a":1},{"b":"#;
        let mut scan = ElementScan::default();
        assert_eq!(scan.next(text.as_bytes()), Some(0..7));
        assert_eq!(scan.next(text.as_bytes()), None);
        assert_eq!(scan.unfinished(), Some(8));
    }

    #[test]
    fn a_buffer_may_grow_behind_the_scan() {
        let text = r#"{"a":"x\"y"},{"b":[1,2]},7,"#;
        let whole = elements(text);
        let mut scan = ElementScan::default();
        let mut found = Vec::new();
        for end in 0..=text.len() {
            while let Some(range) = scan.next(&text.as_bytes()[..end]) {
                found.push(&text[range]);
            }
        }
        assert_eq!(found, whole);
    }
}
