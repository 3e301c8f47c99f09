//! A strict, recursive-descent parser over a window of bytes. Each byte is looked at once; nesting is bounded.

use std::borrow::Cow;

use super::value::{Json, Members, compare_names};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 128;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The bytes end inside it; nothing is wrong so far.
    Incomplete,
    /// The byte at this index cannot stand there.
    Invalid { at: usize, reason: &'static str },
}

/// What an outermost value turned out to be.
#[derive(Debug, PartialEq)]
pub(crate) enum Outer<'a> {
    /// A whole value; the parser stands behind it.
    Value(Json<'a>),
    /// An object around a list of records; the parser stands behind the list's `[`.
    Elements,
}

/// Reads values from bytes, which need not be whole or valid UTF-8.
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    replaced: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, replaced: false }
    }

    /// Where the parser stands: behind what was read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Whether text was met that is no Unicode (invalid UTF-8, half a surrogate pair); U+FFFD stands in its place.
    pub(crate) fn has_replaced(&self) -> bool {
        self.replaced
    }

    /// Reads one value. An object that holds an array under one of the names in `lists` is not read but entered.
    pub(crate) fn outer(&mut self, lists: &[&str]) -> Result<Outer<'a>, Failure> {
        self.skip_space();
        if self.peek()? != b'{' {
            return self.value(0).map(Outer::Value);
        }
        self.at += 1;
        Ok(self.object(1, lists)?.map_or(Outer::Elements, Outer::Value))
    }

    /// Reads the name of a member and the colon behind it.
    pub(crate) fn name(&mut self) -> Result<Cow<'a, str>, Failure> {
        self.skip_space();
        if self.peek()? != b'"' {
            return self.invalid("a member's name is expected");
        }
        self.at += 1;
        let name = self.string()?;
        self.skip_space();
        if self.peek()? != b':' {
            return self.invalid("a colon is expected");
        }
        self.at += 1;
        self.skip_space();
        Ok(name)
    }

    /// Whether an array begins here; if so, goes in.
    pub(crate) fn enter_array(&mut self) -> Result<bool, Failure> {
        let enters = self.peek()? == b'[';
        self.at += usize::from(enters);
        Ok(enters)
    }

    /// Reads one value at a depth.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Json<'a>, Failure> {
        self.skip_space();
        if depth >= MAX_DEPTH {
            return self.invalid("nested too deeply");
        }
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string().map(Json::Text)
            }
            b'{' => {
                self.at += 1;
                Ok(self.object(depth + 1, &[])?.unwrap_or(Json::Null))
            }
            b'[' => {
                self.at += 1;
                self.array(depth + 1)
            }
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.invalid("a value is expected"),
        }
    }

    fn invalid<T>(&self, reason: &'static str) -> Result<T, Failure> {
        Err(Failure::Invalid { at: self.at, reason })
    }

    fn peek(&self) -> Result<u8, Failure> {
        self.bytes.get(self.at).copied().ok_or(Failure::Incomplete)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &'static str, value: Json<'a>) -> Result<Json<'a>, Failure> {
        for byte in word.bytes() {
            if self.peek()? != byte {
                return self.invalid("a value is expected");
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> Result<(), Failure> {
        if !self.peek()?.is_ascii_digit() {
            return self.invalid("a digit is expected");
        }
        while self.peek()?.is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    /// A number is whole only when the byte behind it is there.
    fn number(&mut self) -> Result<Json<'a>, Failure> {
        let start = self.at;
        self.at += usize::from(self.peek()? == b'-');
        if self.peek()? == b'0' {
            self.at += 1;
            if self.peek()?.is_ascii_digit() {
                return self.invalid("a number has a leading zero");
            }
        } else {
            self.digits()?;
        }
        if self.peek()? == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek()?, b'+' | b'-'));
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|bytes| str::from_utf8(bytes).ok());
        text.map_or_else(|| self.invalid("a number is expected"), |text| Ok(Json::Number(text)))
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, Failure> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            self.skip_space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return self.invalid("a comma or the end of an array is expected"),
            }
        }
        self.at += 1;
        Ok(Json::Array(elements))
    }

    /// Reads an object whose `{` was read. `None`: it holds a list named in `lists`, which was entered.
    fn object(&mut self, depth: usize, lists: &[&str]) -> Result<Option<Json<'a>>, Failure> {
        self.skip_space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Some(Json::Object(Members::default())));
        }
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(8);
        let (mut is_sorted, mut is_ascii) = (true, true);
        loop {
            let name = self.name()?;
            if lists.contains(&name.as_ref()) && self.enter_array()? {
                return Ok(None);
            }
            let value = self.value(depth)?;
            is_ascii = is_ascii && name.is_ascii();
            // For ASCII the order of bytes is that of UTF-16.
            is_sorted = is_sorted && is_ascii && members.last().is_none_or(|(last, _)| *last < name);
            members.push((name, value));
            self.skip_space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.invalid("a comma or the end of an object is expected"),
            }
        }
        if !is_sorted {
            if is_ascii {
                members.sort_unstable_by(|left, right| left.0.cmp(&right.0));
            } else {
                members.sort_unstable_by(|left, right| compare_names(&left.0, &right.0));
            }
            // Which of two values counts nobody can say; RFC 7493 (I-JSON) forbids the case.
            if members.windows(2).any(|pair| matches!(pair, [left, right] if left.0 == right.0)) {
                return self.invalid("an object holds a member twice");
            }
        }
        self.at += 1;
        Ok(Some(Json::Object(Members(members))))
    }

    /// The text from `start` to where the parser stands; what is no UTF-8 is replaced.
    fn run(&mut self, start: usize) -> Cow<'a, str> {
        let bytes = self.bytes.get(start..self.at).unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.replaced = true;
                String::from_utf8_lossy(bytes)
            }
        }
    }

    /// Reads a string whose opening quote was read. Borrowed unless it holds an escape.
    fn string(&mut self) -> Result<Cow<'a, str>, Failure> {
        let start = self.at;
        self.at += plain_length(self.bytes.get(start..).unwrap_or_default());
        if self.peek()? == b'"' {
            let text = self.run(start);
            self.at += 1;
            return Ok(text);
        }
        let mut text = self.run(start).into_owned();
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                b'\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return self.invalid("a control character stands in a string"),
            }
            let start = self.at;
            self.at += plain_length(self.bytes.get(start..).unwrap_or_default());
            let run = self.run(start);
            text.push_str(&run);
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        let escaped = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.invalid("no such escape in a string"),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Failure> {
        let unit = self.hex4()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        if (0xd800..0xdc00).contains(&unit) && self.peek()? == b'\\' {
            let behind_first = self.at;
            self.at += 1;
            if self.peek()? == b'u' {
                self.at += 1;
                let second = self.hex4()?;
                if (0xdc00..0xe000).contains(&second) {
                    let code = 0x1_0000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
                    return char::from_u32(code).map_or_else(|| self.invalid("no such character"), Ok);
                }
            }
            self.at = behind_first;
        }
        // Half a pair, as a log that cuts texts at a length may leave it. The record is worth more than the character.
        self.replaced = true;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, Failure> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()?).to_digit(16) else {
                return self.invalid("four hexadecimal digits are expected");
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// How many bytes stand before the first quote, backslash or control character: eight bytes a step.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut length = 0;
    let mut words = bytes.chunks_exact(8);
    for chunk in &mut words {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        // A byte below 0x20 borrows when 0x20 is taken from it. Borrows only travel upwards, so the lowest mark is exact.
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let marks = has_zero(word ^ (ONES * u64::from(b'"'))) | has_zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if marks != 0 {
            return length + (marks.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    length + words.remainder().iter().position(is_special).unwrap_or(words.remainder().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json<'_>, Failure> {
        let mut parser = Parser::new(text.as_bytes());
        let value = parser.value(0)?;
        assert_eq!(parser.position(), text.len(), "{text}");
        Ok(value)
    }

    #[test]
    fn what_rfc_8259_allows_is_read_and_what_it_forbids_is_not() {
        // serde_json is the second implementation. An object around each, so that a number's end is seen.
        for inner in [
            "0",
            "-0",
            "1.5e+10",
            "-12E-3",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "true",
            "tru",
            "nul",
            "null",
            "\"a\"",
            "\"\\u00e9\\n\"",
            "\"\\x\"",
            "\"\t\"",
            "\"\\ud83d\\ude00\"",
            "[]",
            "[1,]",
            "[,]",
            "[1 2]",
            "{}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "'a'",
            "NaN",
            "\"\u{7f}é\u{fffd}\"",
            "[[[]]]",
            "1 ",
            " \n\t\r1",
        ] {
            let text = format!("{{\"v\":{inner}}}");
            assert_eq!(parse(&text).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_text_that_ends_early_is_incomplete_and_not_invalid() {
        let text = r#"{"a":[1,-2.5e3,true,null,"x\n\u00e9\ud83d\ude00é"],"b":{"c":"d"}}"#;
        for end in 0..text.len() {
            assert_eq!(Parser::new(&text.as_bytes()[..end]).value(0), Err(Failure::Incomplete), "{end}");
        }
        assert!(parse(text).is_ok());
    }

    #[test]
    fn half_a_surrogate_pair_and_invalid_utf8_cost_a_character_and_not_the_text() {
        for (bytes, expected) in [
            (&br#""a\ud83d""#[..], "a\u{fffd}"),
            (br#""a\ude00b""#, "a\u{fffd}b"),
            (br#""\ud83d\n""#, "\u{fffd}\n"),
            (br#""\ud83d\u0041""#, "\u{fffd}A"),
            (b"\"caf\xc3\"", "caf\u{fffd}"),
        ] {
            let mut parser = Parser::new(bytes);
            assert_eq!(parser.value(0), Ok(Json::Text(expected.into())));
            assert!(parser.has_replaced());
        }
    }

    #[test]
    fn a_member_twice_is_refused_and_too_deep_nesting_too() {
        assert!(matches!(parse(r#"{"a":1,"b":2,"a":3}"#), Err(Failure::Invalid { .. })));
        assert!(matches!(parse(r#"{"a":1,"\u0061":3}"#), Err(Failure::Invalid { .. })));
        assert!(matches!(Parser::new(&[b'['; 1_000_000]).value(0), Err(Failure::Invalid { at: 128, .. })));
    }

    #[test]
    fn names_are_ordered_by_utf16_code_units() {
        let names = [
            "",
            "a",
            "ab",
            "b",
            "é",
            "\u{d7ff}",
            "\u{e000}",
            "\u{fffd}",
            "\u{10000}",
            "\u{10ffff}",
            "a\u{10000}",
            "a\u{e000}",
            "aa",
        ];
        for left in names {
            for right in names {
                assert_eq!(compare_names(left, right), left.encode_utf16().cmp(right.encode_utf16()), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn plain_length_finds_the_first_special_byte_at_every_place() {
        for special in [b'"', b'\\', 0x1f, 0x00, b'\n'] {
            for place in 0..40 {
                let mut bytes = vec![0xc3; 40];
                bytes[place] = special;
                bytes[39] = b'"';
                assert_eq!(plain_length(&bytes), place.min(39));
            }
        }
        for byte in (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')) {
            assert_eq!(plain_length(&[byte; 19]), 19, "{byte}");
        }
    }
}
