//! A text as characters folded for reading numbers, each with its place in the original.
//!
//! Full-width forms become ASCII, traditional characters that occur in numbers become simplified, letters become
//! lower case; one character in, one character out, so that places stay exact.

/// One character of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    /// Folded.
    pub(super) folded: char,
    /// As written.
    pub(super) written: char,
    /// First byte in the text.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
}

/// The folded text.
#[derive(Debug)]
pub(super) struct Letters {
    letters: Vec<Letter>,
}

impl Letters {
    pub(super) fn of(text: &str) -> Letters {
        let letters = text
            .char_indices()
            .map(|(start, written)| Letter { folded: fold(written), written, start, end: start + written.len_utf8() })
            .collect();
        Letters { letters }
    }

    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Folded character, or NUL past the end.
    pub(super) fn at(&self, index: usize) -> char {
        self.letters.get(index).map_or('\0', |letter| letter.folded)
    }

    /// Folded character before, or NUL at the start.
    pub(super) fn before(&self, index: usize) -> char {
        index.checked_sub(1).map_or('\0', |previous| self.at(previous))
    }

    /// Character as written, or NUL past the end.
    pub(super) fn written_at(&self, index: usize) -> char {
        self.letters.get(index).map_or('\0', |letter| letter.written)
    }

    /// Whether the folded text goes on with that word; for a word that ends in a letter, no letter follows it.
    pub(super) fn word_at(&self, index: usize, word: &str) -> Option<usize> {
        let mut next = index;
        for expected in word.chars() {
            if self.at(next) != expected {
                return None;
            }
            next += 1;
        }
        let ends_in_letter = word.ends_with(|last: char| last.is_ascii_alphabetic());
        if ends_in_letter && self.at(next).is_ascii_alphabetic() {
            return None;
        }
        Some(next)
    }

    /// Index after any blanks.
    pub(super) fn skip_blanks(&self, mut index: usize) -> usize {
        while index < self.len() && self.at(index).is_whitespace() {
            index += 1;
        }
        index
    }

    /// Bytes in the text from one letter up to, not including, another.
    pub(super) fn span(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let start = self.letters.get(from).map_or(0, |letter| letter.start);
        let end = match to.checked_sub(1).and_then(|last| self.letters.get(last)) {
            Some(last) => last.end.max(start),
            None => start,
        };
        start..end
    }
}

fn fold(written: char) -> char {
    if written.is_ascii() {
        return written.to_ascii_lowercase();
    }
    let narrow = match written {
        // The block of full-width forms has the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(written) - 0xfee0).unwrap_or(written),
        '￥' => '¥',
        '￡' => '£',
        '￦' => '₩',
        '\u{3000}' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' => ' ',
        '−' | '﹣' => '-',
        '—' | '‐' | '‑' | '‒' | '―' => '–',
        '〜' | '∼' => '~',
        '﹐' => ',',
        '’' | '‘' | 'ʼ' => '\'',
        '﹪' => '%',
        other => simplified(other),
    };
    narrow.to_lowercase().next().unwrap_or(narrow)
}

/// The simplified form of the traditional characters that occur in numbers and units.
///
/// A short list rather than the table of names, so that reading a number never loads that table.
fn simplified(written: char) -> char {
    match written {
        '億' => '亿',
        '萬' => '万',
        '個' => '个',
        '約' => '约',
        '餘' => '余',
        '數' => '数',
        '幾' => '几',
        '兩' => '两',
        '過' => '过',
        '達' => '达',
        '於' => '于',
        '滿' => '满',
        '總' => '总',
        '計' => '计',
        '將' => '将',
        '環' => '环',
        '長' => '长',
        '漲' => '涨',
        '減' => '减',
        '幣' => '币',
        '圓' => '圆',
        '歐' => '欧',
        '鎊' => '镑',
        '韓' => '韩',
        '臺' => '台',
        '戶' => '户',
        '項' => '项',
        '標' => '标',
        '採' => '采',
        '購' => '购',
        '員' => '员',
        '載' => '载',
        '訪' => '访',
        '問' => '问',
        '躍' => '跃',
        '費' => '费',
        '註' => '注',
        '冊' => '册',
        '業' => '业',
        '時' => '时',
        '鐘' => '钟',
        '鍾' => '钟',
        '級' => '级',
        '筆' => '笔',
        '條' => '条',
        '輪' => '轮',
        '點' => '点',
        '為' | '爲' => '为',
        '貳' => '贰',
        '參' => '叁',
        '陸' => '陆',
        '號' => '号',
        '間' => '间',
        '僅' => '仅',
        '規' => '规',
        '額' => '额',
        other => other,
    }
}
