//! Text encodings: told by byte order mark, validity and statistics; everything becomes UTF-8 on the way in.
//!
//! Never a silent guess: single-byte encodings, which any bytes are valid in, have to be named by the user, and bytes
//! that are wrong in the encoding reject their row.

use std::io::{self, Read};

use encoding_rs::{DecoderResult, EUC_JP, EUC_KR, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

use crate::{ImportError, Result};

/// What stands where the bytes were not valid in the file's encoding.
pub(crate) const INVALID: char = '\u{FFFD}';

const CHUNK_BYTES: usize = 256 * 1024;

/// The encoding of a text and how many bytes its mark takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextEncoding {
    pub(crate) encoding: &'static Encoding,
    pub(crate) n_mark_bytes: usize,
}

impl TextEncoding {
    /// The encoding of the text that starts with `sample`: as named, else as found.
    ///
    /// # Errors
    /// [`ImportError::Encoding`] if the name is unknown, contradicted by the bytes, or nothing can be told.
    pub(crate) fn of(file: &str, sample: &[u8], is_whole: bool, named: Option<&str>) -> Result<Self> {
        let found = mark_of(sample);
        match named {
            Some(name) => check_named(file, sample, is_whole, name, found),
            None => match found {
                Some(found) => Ok(found),
                None => detect(file, sample, is_whole),
            },
        }
    }

    /// Whether bytes can go through as they are.
    pub(crate) fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// The name people know.
    pub(crate) fn name(self) -> &'static str {
        if self.encoding == GBK { GB18030.name() } else { self.encoding.name() }
    }
}

fn mark_of(sample: &[u8]) -> Option<TextEncoding> {
    let (encoding, n_mark_bytes) = Encoding::for_bom(sample)?;
    Some(TextEncoding { encoding, n_mark_bytes })
}

fn check_named(
    file: &str,
    sample: &[u8],
    is_whole: bool,
    name: &str,
    found: Option<TextEncoding>,
) -> Result<TextEncoding> {
    let Some(encoding) = Encoding::for_label(name.trim().as_bytes()) else {
        return Err(ImportError::Encoding {
            file: file.to_owned(),
            message: format!("no encoding is called {name:?}"),
            hint: "use a name such as utf-8, gb18030, big5, utf-16le or windows-1252".into(),
        });
    };
    let encoding = if encoding == GBK { GB18030 } else { encoding };
    if let Some(found) = found {
        return if found.encoding == encoding { Ok(found) } else { Err(contradicted(file, encoding, found.encoding)) };
    }
    let (is_utf8, n_wide) = utf8_evidence(sample, is_whole);
    if encoding == UTF_8 && !is_utf8 {
        let likely = detect(file, sample, is_whole).map_or("another encoding", TextEncoding::name);
        return Err(wrong(file, encoding, &format!("it looks like {likely}")));
    }
    if encoding != UTF_8 && is_utf8 && n_wide > 0 {
        return Err(contradicted(file, encoding, UTF_8));
    }
    if encoding != UTF_8 && has_errors(sample, is_whole, encoding) {
        return Err(wrong(file, encoding, "its first part has bytes that cannot occur there"));
    }
    Ok(TextEncoding { encoding, n_mark_bytes: 0 })
}

fn contradicted(file: &str, named: &'static Encoding, found: &'static Encoding) -> ImportError {
    wrong(file, named, &format!("it is {}", found.name()))
}

fn wrong(file: &str, named: &'static Encoding, why: &str) -> ImportError {
    ImportError::Encoding {
        file: file.to_owned(),
        message: format!("not in encoding {}: {why}", named.name()),
        hint: "leave --encoding away to have it found, or name the right one".into(),
    }
}

/// A page of the web as text: by its mark, else as UTF-8, else by the encoding that it names itself or that is likely;
/// what cannot be read becomes U+FFFD.
pub(crate) fn page_text(body: &[u8]) -> String {
    const NAMED_WITHIN_BYTES: usize = 2048;
    if let Some((encoding, n_mark_bytes)) = Encoding::for_bom(body) {
        return encoding.decode_without_bom_handling(&body[n_mark_bytes..]).0.into_owned();
    }
    if let Ok(text) = simdutf8::basic::from_utf8(body) {
        return text.to_owned();
    }
    let start = String::from_utf8_lossy(&body[..body.len().min(NAMED_WITHIN_BYTES)]).to_lowercase();
    let named = ["charset=", "encoding="].iter().find_map(|word| {
        let rest = start.split_once(word)?.1.trim_start_matches(['"', '\'']);
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_');
        Encoding::for_label(&rest.as_bytes()[..end.unwrap_or(rest.len())])
    });
    let encoding = named.unwrap_or_else(|| {
        let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
        detector.feed(body, true);
        detector.guess(None, chardetng::Utf8Detection::Allow)
    });
    encoding.decode(body).0.into_owned()
}

fn detect(file: &str, sample: &[u8], is_whole: bool) -> Result<TextEncoding> {
    if let Some(encoding) = utf16_without_mark(sample) {
        return Ok(TextEncoding { encoding, n_mark_bytes: 0 });
    }
    let utf8 = TextEncoding { encoding: UTF_8, n_mark_bytes: 0 };
    let (is_utf8, n_wide) = utf8_evidence(sample, is_whole);
    if is_utf8 {
        return Ok(utf8);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(sample, is_whole);
    let guess = detector.guess(None, chardetng::Utf8Detection::Deny);
    let guess = if guess == GBK || is_rather_chinese(sample, guess) { GB18030 } else { guess };
    // A few broken bytes in a text that is UTF-8 otherwise: those rows are rejected, the rest is read.
    let n_broken = String::from_utf8_lossy(sample).matches(INVALID).count();
    if n_wide > 4 * n_broken {
        return Ok(utf8);
    }
    if guess.is_single_byte() || has_errors(sample, is_whole, guess) {
        return Err(ImportError::Encoding {
            file: file.to_owned(),
            message: "its text is not UTF-8, and the encoding cannot be told for certain".into(),
            hint: hint_of(sample, is_whole, guess),
        });
    }
    Ok(TextEncoding { encoding: guess, n_mark_bytes: 0 })
}

/// The fifty syllables that Korean is written with most; of running text they are more than a third.
const COMMON_SYLLABLES: &str = "이다는의에을가고하한지를로도사기리은어자스서대인아나시해그일정과있수라들부으게보주전";

/// Less of them than any Korean text of some words has.
const COMMON_SHARE_MIN: f64 = 0.15;

/// Whether what statistics take for Korean or Japanese is Chinese.
///
/// The bytes of both lie within those of GB18030, and a few Chinese names are too little for statistics: 豆包 is 떴관 in
/// EUC-KR. But no Korean text is without its common syllables, and no Japanese one without kana.
fn is_rather_chinese(sample: &[u8], guess: &'static Encoding) -> bool {
    let is_chinese = match guess {
        found if found == EUC_KR => {
            let (text, _) = EUC_KR.decode_without_bom_handling(sample);
            let n_common = text.chars().filter(|letter| COMMON_SYLLABLES.contains(*letter)).count();
            (n_common as f64) < COMMON_SHARE_MIN * wide_in(&text) as f64
        }
        found if found == EUC_JP => {
            let (text, _) = EUC_JP.decode_without_bom_handling(sample);
            !text.chars().any(|letter| matches!(letter, '\u{3041}'..='\u{30ff}'))
        }
        _ => false,
    };
    // A character at the sample's end may be cut.
    is_chinese && !has_errors(sample, false, GB18030)
}

fn hint_of(sample: &[u8], is_whole: bool, guess: &'static Encoding) -> String {
    let name = guess.name().to_lowercase();
    if guess != GB18030 && !has_errors(sample, is_whole, GB18030) {
        return format!("name it: --encoding gb18030 if it is Chinese, --encoding {name} if that is right");
    }
    format!("name it: --encoding {name} if that is right")
}

/// Whether it is valid UTF-8 (a last character may be cut), and how many characters beyond ASCII it has.
fn utf8_evidence(sample: &[u8], is_whole: bool) -> (bool, usize) {
    match std::str::from_utf8(sample) {
        Ok(text) => (true, wide_in(text)),
        Err(error) => {
            let valid = std::str::from_utf8(&sample[..error.valid_up_to()]).unwrap_or_default();
            let is_only_cut = error.error_len().is_none() && !is_whole;
            let n_wide = if is_only_cut { wide_in(valid) } else { wide_in(&String::from_utf8_lossy(sample)) };
            (is_only_cut, n_wide)
        }
    }
}

fn wide_in(text: &str) -> usize {
    text.chars().filter(|letter| !letter.is_ascii() && *letter != INVALID).count()
}

/// Mostly-Latin or digit text in UTF-16 has a zero byte in every other place.
fn utf16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.chunks_exact(2).take(4096);
    let n_pairs = pairs.len();
    if n_pairs < 2 {
        return None;
    }
    let (mut n_low, mut n_high) = (0, 0);
    for pair in pairs {
        n_high += usize::from(pair[0] == 0 && pair[1] != 0);
        n_low += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    if n_low * 3 > n_pairs && n_high * 5 < n_low {
        return Some(UTF_16LE);
    }
    (n_high * 3 > n_pairs && n_low * 5 < n_high).then_some(UTF_16BE)
}

fn has_errors(sample: &[u8], is_whole: bool, encoding: &'static Encoding) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(sample.len()).unwrap_or(sample.len() * 3));
    let (result, _) = decoder.decode_to_string_without_replacement(sample, &mut text, is_whole);
    matches!(result, DecoderResult::Malformed(..))
}

/// Reads a text in any encoding as UTF-8; [`INVALID`] stands for bytes that are wrong.
pub(crate) struct Transcoding<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    raw_from: usize,
    raw_to: usize,
    text: Vec<u8>,
    text_from: usize,
    is_at_end: bool,
    is_done: bool,
}

impl<R: Read> Transcoding<R> {
    pub(crate) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK_BYTES],
            raw_from: 0,
            raw_to: 0,
            text: Vec::new(),
            text_from: 0,
            is_at_end: false,
            is_done: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.raw_from == self.raw_to && !self.is_at_end {
            self.raw_to = self.inner.read(&mut self.raw)?;
            self.raw_from = 0;
            self.is_at_end = self.raw_to == 0;
        }
        let raw = &self.raw[self.raw_from..self.raw_to];
        let needed = self.decoder.max_utf8_buffer_length(raw.len()).unwrap_or(raw.len() * 3 + 16);
        self.text.resize(needed, 0);
        let (result, n_read, n_written, _) = self.decoder.decode_to_utf8(raw, &mut self.text, self.is_at_end);
        self.text.truncate(n_written);
        self.text_from = 0;
        self.raw_from += n_read;
        self.is_done = self.is_at_end && result == encoding_rs::CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: Read> Read for Transcoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text_from == self.text.len() {
            if self.is_done {
                return Ok(0);
            }
            self.fill()?;
        }
        let n = buffer.len().min(self.text.len() - self.text_from);
        buffer[..n].copy_from_slice(&self.text[self.text_from..self.text_from + n]);
        self.text_from += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "subject,metric,value\n豆包,月活跃用户,7116万\n文小言,月活跃用户,1299万\n智谱清言,下载量,30\n";

    fn transcoded(bytes: &[u8], found: TextEncoding) -> String {
        let mut text = String::new();
        Transcoding::new(&bytes[found.n_mark_bytes..], found.encoding).read_to_string(&mut text).unwrap();
        text
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn chinese_encodings_are_found_and_read() {
        let traditional = "名稱,月活躍用戶\n豆包,七一一六萬\n文小言,一二九九萬\n智譜清言,下載量三十\n";
        for (encoding, text) in [(GB18030, TEXT), (encoding_rs::BIG5, traditional)] {
            let (bytes, _, _) = encoding.encode(text);
            let found = TextEncoding::of("f", &bytes, true, None).unwrap();
            assert_eq!(transcoded(&bytes, found), text, "{}", found.name());
        }
    }

    #[test]
    fn a_few_chinese_names_are_chinese() {
        for text in ["豆包,mau\n", "百度,1\n", "可灵,1\n包包,2\n", "文小言,1\n智谱清言,2\n", "百度,1\n豆包,2\n"]
        {
            let (bytes, _, _) = GB18030.encode(text);
            let found = TextEncoding::of("f", &bytes, true, None).unwrap();
            assert_eq!(transcoded(&bytes, found), text, "{}", found.name());
        }
    }

    #[test]
    fn other_east_asian_texts_stay_what_they_are() {
        let korean = "이름,설명\n네이버,네이버는 한국에서 가장 많이 사용되는 검색 서비스입니다.\n카카오톡,메신저\n";
        let japanese =
            "名前,説明\nライン,ラインは日本で最も使われているメッセージアプリです。毎月九千万人を超えています。\n";
        let traditional = "名稱,說明\n豆包,豆包是字節跳動公司推出的人工智慧助手,可以回答問題。它在台灣也有使用者。\n";
        for (encoding, text) in [
            (EUC_KR, korean),
            (EUC_KR, "name,users\n네이버,1\n배달의민족,2\n토스,3\n"),
            (EUC_JP, japanese),
            (encoding_rs::SHIFT_JIS, japanese),
            (encoding_rs::SHIFT_JIS, "name,users\nライン,1\nメルカリ,2\nヤフー,3\n"),
            (encoding_rs::BIG5, traditional),
            (encoding_rs::BIG5, "name,users\n騰訊元寶,1\n"),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            let found = TextEncoding::of("f", &bytes, true, None).unwrap();
            assert_eq!(transcoded(&bytes, found), text, "{} for {}", found.name(), encoding.name());
        }
    }

    #[test]
    fn utf16_is_found_with_and_without_a_mark() {
        for (to_bytes, mark, encoding) in [
            (u16::to_le_bytes as fn(u16) -> [u8; 2], [0xff, 0xfe], UTF_16LE),
            (u16::to_be_bytes, [0xfe, 0xff], UTF_16BE),
        ] {
            let bare = utf16(TEXT, to_bytes);
            let marked: Vec<u8> = mark.iter().copied().chain(bare.iter().copied()).collect();
            for bytes in [bare, marked] {
                let found = TextEncoding::of("f", &bytes, true, None).unwrap();
                assert_eq!(found.encoding, encoding);
                assert_eq!(transcoded(&bytes, found), TEXT);
            }
        }
    }

    #[test]
    fn a_wrong_name_is_an_error_not_mojibake() {
        let error = TextEncoding::of("f", TEXT.as_bytes(), true, Some("gb18030")).unwrap_err();
        assert_eq!(error.to_string(), "f: not in encoding gb18030: it is UTF-8");
        let (gb, _, _) = GB18030.encode(TEXT);
        let error = TextEncoding::of("f", &gb, true, Some("utf-8")).unwrap_err();
        assert_eq!(error.to_string(), "f: not in encoding UTF-8: it looks like gb18030");
        assert!(TextEncoding::of("f", b"a", true, Some("klingon")).is_err());
    }

    #[test]
    fn a_single_byte_encoding_has_to_be_named() {
        let bytes = b"name,value\ncaf\xe9,1\n";
        assert!(TextEncoding::of("f", bytes, true, None).is_err());
        let found = TextEncoding::of("f", bytes, true, Some("windows-1252")).unwrap();
        assert_eq!(transcoded(bytes, found), "name,value\ncafé,1\n");
    }

    #[test]
    fn a_cut_character_at_the_end_of_the_sample_is_no_error() {
        let bytes = TEXT.as_bytes();
        let cut = bytes.len() - TEXT.chars().rev().take(6).map(char::len_utf8).sum::<usize>() - 1;
        for end in cut - 4..cut {
            assert!(TextEncoding::of("f", &bytes[..end], false, None).unwrap().is_utf8());
        }
    }

    #[test]
    fn a_broken_row_in_utf8_leaves_it_utf8() {
        let mut bytes = TEXT.repeat(3).into_bytes();
        bytes.extend_from_slice(b"caf\xe9,mau,1\n");
        assert!(TextEncoding::of("f", &bytes, true, None).unwrap().is_utf8());
    }
}
