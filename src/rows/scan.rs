//! JSON text, read once from front to back: where each value begins and ends, and what it is. Strict, as JSON is defined,
//! also in what it passes over; it never recurses, so that no nesting is too deep for it.
//! Must not know columns, envelopes, or what a value means.

use std::fmt;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A string without escapes: the bytes between its quotes are its text.
    Text,
    /// A string with escapes.
    Escaped,
    Number,
    True,
    False,
    Null,
    Object,
    Array,
}

/// A value's place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub token: Token,
}

/// Text that is not JSON, and where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Bytes before the place.
    pub at: usize,
    /// The text ends too early; what there is of it is no mistake.
    pub cut: bool,
    /// What is wrong there, without quoting the text.
    pub why: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

/// A place in a text.
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The objects and arrays that are open around `at`, of the value that is passed over.
    open: Vec<u8>,
}

type Read<T> = std::result::Result<T, Broken>;

impl<'a> Scan<'a> {
    /// A scan of `text` from byte `at`, where a value begins.
    pub fn new(text: &'a str, at: usize) -> Scan<'a> {
        Scan { bytes: text.as_bytes(), at, open: Vec::new() }
    }

    /// Bytes before the place.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The byte at the place.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What is wrong at the place.
    #[cold]
    pub fn broken<T>(&self, why: &'static str) -> Read<T> {
        let cut = self.at >= self.bytes.len();
        Err(Broken { at: self.at.min(self.bytes.len()), cut, why })
    }

    /// Passes over white space.
    #[inline]
    pub fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes over `key`, if that is what stands here.
    #[inline]
    pub fn passes(&mut self, key: &[u8]) -> bool {
        let found = self.bytes.get(self.at..self.at + key.len()) == Some(key);
        if found {
            self.at += key.len();
        }
        found
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Read<()> {
        self.blank();
        if self.at < self.bytes.len() { self.broken("something follows the value") } else { Ok(()) }
    }

    /// Passes over a key and its colon, up to the value; gives the key.
    #[inline]
    pub fn key(&mut self) -> Read<Span> {
        if self.peek() != Some(b'"') {
            return self.broken("a key was expected");
        }
        let start = self.at;
        let token = self.string()?;
        let key = Span { start, end: self.at, token };
        self.colon()?;
        Ok(key)
    }

    /// Passes over the colon behind a key.
    #[inline]
    pub fn colon(&mut self) -> Read<()> {
        self.blank();
        if self.peek() != Some(b':') {
            return self.broken("`:` was expected");
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    /// Behind an item: passes over the comma, up to the next item, or over `close`. Whether there is a next one.
    #[inline]
    pub fn more(&mut self, close: u8) -> Read<bool> {
        self.blank();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.blank();
                Ok(true)
            }
            Some(found) if found == close => {
                self.at += 1;
                Ok(false)
            }
            _ if close == b'}' => self.broken("`,` or `}` was expected"),
            _ => self.broken("`,` or `]` was expected"),
        }
    }

    /// Passes over the bracket that opens an object or array, and over `close` if that follows. Whether there are items.
    #[inline]
    pub fn enter(&mut self, close: u8) -> bool {
        self.at += 1;
        self.blank();
        let empty = self.peek() == Some(close);
        self.at += usize::from(empty);
        !empty
    }

    /// Passes over a value.
    #[inline]
    pub fn value(&mut self) -> Read<Span> {
        let start = self.at;
        let token = self.pass()?;
        Ok(Span { start, end: self.at, token })
    }

    /// Passes over a value; gives what it is, and leaves to the caller where it stood: one byte comes back in a register,
    /// a span through memory, which takes longer than most values do.
    #[inline]
    pub fn pass(&mut self) -> Read<Token> {
        match self.peek() {
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(),
        }
    }

    fn nested(&mut self) -> Read<Token> {
        let token = if self.peek() == Some(b'{') { Token::Object } else { Token::Array };
        self.open.clear();
        loop {
            match self.peek() {
                Some(b'{') => {
                    if self.enter(b'}') {
                        self.open.push(b'}');
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    if self.enter(b']') {
                        self.open.push(b']');
                        continue;
                    }
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended, and with it perhaps those around it.
            loop {
                let Some(close) = self.open.last().copied() else {
                    return Ok(token);
                };
                if self.more(close)? {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                self.open.pop();
            }
        }
    }

    #[inline]
    fn scalar(&mut self) -> Read<Token> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Token::True),
            Some(b'f') => self.word(b"false", Token::False),
            Some(b'n') => self.word(b"null", Token::Null),
            _ => self.broken("a value was expected"),
        }
    }

    fn word(&mut self, word: &[u8], token: Token) -> Read<Token> {
        for byte in word {
            if self.peek() != Some(*byte) {
                return self.broken("a value was expected");
            }
            self.at += 1;
        }
        Ok(token)
    }

    fn number(&mut self) -> Read<Token> {
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Token::Number)
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.broken("a digit was expected") } else { Ok(()) }
    }

    #[inline]
    fn string(&mut self) -> Read<Token> {
        let mut token = Token::Text;
        self.at += 1;
        loop {
            self.at = plain(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(token);
                }
                Some(b'\\') => {
                    token = Token::Escaped;
                    self.escape()?;
                }
                None => return self.broken("a text does not end"),
                Some(_) => return self.broken("a control character stands in a text"),
            }
        }
    }

    /// Passes over an escape. Whether `\u` escapes make characters is asked when the text is wanted.
    fn escape(&mut self) -> Read<()> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return self.broken("an escape has no four digits");
                    }
                    self.at += 1;
                }
            }
            _ => return self.broken("an escape is none of JSON's"),
        }
        Ok(())
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// The place of the first byte from `at` on that does not stand for itself in a string: a quote, a backslash or a control
/// character. Eight bytes at a time.
#[inline]
fn plain(bytes: &[u8], mut at: usize) -> usize {
    // The high bit of each byte that is zero, and perhaps of some behind the first of them.
    let zeroes = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zeroes(word ^ (ONES * u64::from(b'"')));
        let backslash = zeroes(word ^ (ONES * u64::from(b'\\')));
        let found = (control | quote | backslash) & (ONES * 0x80);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn whole(text: &str) -> Read<Span> {
        let mut scan = Scan::new(text, 0);
        scan.blank();
        let span = scan.value()?;
        scan.end()?;
        Ok(span)
    }

    #[test]
    fn what_a_value_is_shows_in_its_token() {
        let table = [
            ("\"a\"", Token::Text),
            ("\"a\\n\"", Token::Escaped),
            ("-0.5e+10", Token::Number),
            (" true ", Token::True),
            ("false", Token::False),
            ("null", Token::Null),
            ("{}", Token::Object),
            ("[[[]], {\"a\": [1]}]", Token::Array),
        ];
        for (text, token) in table {
            let span = whole(text).unwrap();
            assert_eq!((span.token, &text[span.start..span.end]), (token, text.trim()));
        }
    }

    #[test]
    fn the_place_and_the_reason_of_a_mistake_are_told() {
        let table = [
            ("", 0, true, "a value was expected"),
            ("[1, x]", 4, false, "a value was expected"),
            ("[1 2]", 3, false, "`,` or `]` was expected"),
            ("{\"a\": 1; }", 7, false, "`,` or `}` was expected"),
            ("{\"a\" 1}", 5, false, "`:` was expected"),
            ("{a: 1}", 1, false, "a key was expected"),
            ("{\"a\": 1,}", 8, false, "a key was expected"),
            ("[1,]", 3, false, "a value was expected"),
            ("\"a", 2, true, "a text does not end"),
            ("\"a\u{1}\"", 2, false, "a control character stands in a text"),
            ("\"\\x\"", 2, false, "an escape is none of JSON's"),
            ("\"\\u12g4\"", 5, false, "an escape has no four digits"),
            ("01", 1, false, "something follows the value"),
            ("1.", 2, true, "a digit was expected"),
            ("-", 1, true, "a digit was expected"),
            ("1e+", 3, true, "a digit was expected"),
            ("nul", 3, true, "a value was expected"),
            ("{} {}", 3, false, "something follows the value"),
            ("[[1, 2]", 7, true, "`,` or `]` was expected"),
        ];
        for (text, at, cut, why) in table {
            assert_eq!(whole(text), Err(Broken { at, cut, why }), "{text}");
        }
    }

    #[test]
    fn nesting_has_no_end() {
        let deep = format!("{}{}", "[{\"a\":".repeat(500_000), "0".to_owned() + &"}]".repeat(500_000));
        assert_eq!(whole(&deep).unwrap().end, deep.len());
        assert!(whole(&"[".repeat(1_000_000)).unwrap_err().cut);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_serde_json_refuses_is_refused(text in "[\\[\\]{},:\"\\\\ a0.eE+\\-u1\u{1}tfn]{0,12}") {
            let theirs = serde_json::from_str::<IgnoredAny>(&text);
            prop_assert_eq!(whole(&text).is_ok(), theirs.is_ok(), "{}: {:?}", text, theirs);
            if let Err(ours) = whole(&text) {
                prop_assert_eq!(ours.cut, ours.at == text.len());
            }
        }

        #[test]
        fn the_first_byte_that_is_not_plain_is_found(text in "[a-é\"\\\\\u{0}-\u{1f}]{0,40}", from in 0_usize..8) {
            let bytes = text.as_bytes();
            let from = from.min(bytes.len());
            let slow = bytes[from..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
            prop_assert_eq!(plain(bytes, from), slow.map_or(bytes.len(), |at| from + at));
        }
    }
}
