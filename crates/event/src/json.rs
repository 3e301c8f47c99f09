//! A strict JSON reader (RFC 8259) that borrows from its text.
//!
//! It exists because of what an audit log needs and general parsers do not keep: number literals stay as they were written
//! (64-bit ids survive), duplicate keys are seen, and one event of a batch can be given up while the next is read.

use std::borrow::Cow;

use crate::escape::find_special;

/// Where and why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte at which reading stopped.
    pub position: usize,
    /// What should have stood there.
    pub expected: &'static str,
    /// Whether the text ended there.
    pub at_end: bool,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { position, expected, at_end } = self;
        if *at_end {
            write!(formatter, "it ends at byte {position} where {expected} was expected")
        } else {
            write!(formatter, "expected {expected} at byte {position}")
        }
    }
}

impl std::error::Error for SyntaxError {}

/// A string escape that stands for half a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoneSurrogate;

/// A JSON string as it stands between its quotes. Only a [`Reader`] makes one, so that what it says of itself is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawString<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text between the quotes.
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether it has no escapes: then the text it stands for needs none either.
    #[inline]
    pub fn is_plain(self) -> bool {
        !self.escaped
    }

    /// The text it stands for, borrowed if it has no escapes.
    #[inline]
    pub fn decode(self) -> Result<Cow<'a, str>, LoneSurrogate> {
        if self.escaped { unescape(self.raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(self.raw)) }
    }
}

/// The value of four hexadecimal digits at `position`; they were checked when the string was read.
fn code_unit(raw: &str, position: usize) -> Option<u32> {
    raw.get(position..position + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok())
}

fn unescape(raw: &str) -> Result<String, LoneSurrogate> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(position) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..position]);
        let mut consumed = position + 2;
        let character = match rest.as_bytes().get(position + 1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = code_unit(rest, position + 2).ok_or(LoneSurrogate)?;
                consumed = position + 6;
                let mut scalar = unit;
                if (0xd800..0xdc00).contains(&unit) {
                    let low = rest.get(consumed..consumed + 2).filter(|escape| *escape == "\\u");
                    let low = low.and_then(|_| code_unit(rest, consumed + 2)).ok_or(LoneSurrogate)?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(LoneSurrogate);
                    }
                    scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    consumed += 6;
                }
                char::from_u32(scalar).ok_or(LoneSurrogate)?
            }
            Some(other) => char::from(*other),
            None => return Err(LoneSurrogate),
        };
        text.push(character);
        rest = &rest[consumed..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Which containers are open, one bit each: a body of nothing but brackets stays small.
#[derive(Default)]
struct OpenContainers {
    bits: Vec<u64>,
    depth: usize,
}

impl OpenContainers {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = *bits & !(1 << bit) | u64::from(is_object) << bit;
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Whether the innermost open container is an object; `None` if none is open.
    fn innermost_is_object(&self) -> Option<bool> {
        let position = self.depth.checked_sub(1)?;
        self.bits.get(position / 64).map(|bits| bits >> (position % 64) & 1 == 1)
    }
}

/// Reads a JSON text from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// The next byte to be read.
    pub position: usize,
}

impl<'a> Reader<'a> {
    pub const fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// What is not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    /// What was read from `start` on.
    pub fn text_from(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    pub fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { position: self.position, expected, at_end: self.position >= self.text.len() }
    }

    #[inline]
    pub fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    /// Reads `byte` if it is next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    /// Reads a string; its opening quote is next.
    #[inline(always)]
    pub fn string(&mut self) -> Result<RawString<'a>, SyntaxError> {
        if !self.take(b'"') {
            return Err(self.error("a string"));
        }
        let start = self.position;
        let end = find_special(self.text.as_bytes(), start).unwrap_or(self.text.len());
        self.position = end;
        if self.take(b'"') {
            return Ok(RawString { raw: &self.text[start..end], escaped: false });
        }
        self.string_with_escapes(start)
    }

    /// Reads on in a string that began at `start`, from its first byte that is not plain text.
    #[cold]
    fn string_with_escapes(&mut self, start: usize) -> Result<RawString<'a>, SyntaxError> {
        let bytes = self.text.as_bytes();
        loop {
            self.position = find_special(bytes, self.position).unwrap_or(bytes.len());
            match self.peek() {
                Some(b'"') => {
                    let raw = &self.text[start..self.position];
                    self.position += 1;
                    return Ok(RawString { raw, escaped: true });
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.error("no unescaped control character")),
                None => return Err(self.error("the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        self.position += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.position += 1,
            Some(b'u') => {
                self.position += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.error("four hexadecimal digits"));
                    }
                    self.position += 1;
                }
            }
            _ => return Err(self.error("a string escape")),
        }
        Ok(())
    }

    /// Reads `true`, `false`, `null` or a number; the literal as it was written.
    pub fn literal(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.position;
        let word = match self.peek() {
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            Some(b'-' | b'0'..=b'9') => return self.number(),
            _ => return Err(self.error("a JSON value")),
        };
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("a JSON value"));
        }
        self.position += word.len();
        Ok(&self.text[start..self.position])
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.position;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.error("no digit after a leading zero"));
        }
        Ok(&self.text[start..self.position])
    }

    /// Reads `byte` if it is next and no white space follows, as programs write JSON.
    #[inline]
    fn take_tight(&mut self, byte: u8) -> bool {
        let is_next = self.rest().first_chunk::<2>().is_some_and(|next| next[0] == byte && next[1] > b' ');
        self.position += usize::from(is_next);
        is_next
    }

    /// Reads a colon and the white space around it.
    #[inline]
    pub fn colon(&mut self) -> Result<(), SyntaxError> {
        if self.take_tight(b':') {
            return Ok(());
        }
        self.skip_whitespace();
        if !self.take(b':') {
            return Err(self.error("':'"));
        }
        self.skip_whitespace();
        Ok(())
    }

    /// Reads what follows a member or element: true if a comma, so that another one follows; false if `close`.
    #[inline]
    pub fn comma_or(&mut self, close: u8) -> Result<bool, SyntaxError> {
        if self.take_tight(b',') {
            return Ok(true);
        }
        self.skip_whitespace();
        if self.take(b',') {
            self.skip_whitespace();
            return Ok(true);
        }
        if self.take(close) {
            return Ok(false);
        }
        Err(self.error(if close == b'}' { "',' or '}'" } else { "',' or ']'" }))
    }

    fn skip_key(&mut self) -> Result<(), SyntaxError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("a member's name"));
        }
        self.string()?;
        self.colon()
    }

    /// Reads any value, however deep, without keeping it; its text.
    pub fn skip_value(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.position;
        let mut open = OpenContainers::default();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.position += 1;
                    self.skip_whitespace();
                    let is_object = bracket == b'{';
                    if !self.take(if is_object { b'}' } else { b']' }) {
                        open.push(is_object);
                        if is_object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => {
                    self.string()?;
                }
                _ => {
                    self.literal()?;
                }
            }
            loop {
                let Some(is_object) = open.innermost_is_object() else { return Ok(&self.text[start..self.position]) };
                if self.comma_or(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.skip_key()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }
}
