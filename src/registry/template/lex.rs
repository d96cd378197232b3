//! A template's text into tokens: text, and within `{{ }}` names, numbers, texts and signs. Owns trimming and comments.

use super::Fault;

/// A part of a template, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub at: usize,
    pub kind: Kind,
    /// White space stands before it.
    pub spaced: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Outside `{{ }}`.
    Outside(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.name`
    Field(String),
    /// `.`
    Dot,
    /// `$name`, or `$`
    Variable(String),
    /// A function, a key word, true, false or nil.
    Word(String),
    /// The content of a text.
    Text(String),
    /// As it is written.
    Number(String),
    /// The character of `'a'`.
    Char(char),
    Pipe,
    Left,
    Right,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// The tokens of a template.
pub fn lex(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    let mut trimmed = false;
    loop {
        let rest = &source[lexer.at..];
        let open = rest.find("{{");
        let text = &rest[..open.unwrap_or(rest.len())];
        let from = lexer.at;
        lexer.at += text.len();
        let trims = open.is_some() && begins_trim(&source[lexer.at + 2..]);
        let text = if trimmed { text.trim_start_matches(BLANK) } else { text };
        let text = if trims { text.trim_end_matches(BLANK) } else { text };
        if !text.is_empty() {
            lexer.tokens.push(Token { at: from, kind: Kind::Outside(text.to_owned()), spaced: false });
        }
        if open.is_none() {
            return Ok(lexer.tokens);
        }
        trimmed = lexer.action(trims)?;
    }
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

fn begins_trim(inner: &str) -> bool {
    inner.strip_prefix('-').is_some_and(|rest| rest.starts_with(BLANK))
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn push(&mut self, at: usize, kind: Kind, spaced: bool) {
        self.tokens.push(Token { at, kind, spaced });
    }

    /// One `{{ }}`. Gives whether the text behind it is trimmed.
    fn action(&mut self, trims: bool) -> Result<bool, Fault> {
        let open = self.at;
        self.at += if trims { 3 } else { 2 };
        let blank = self.rest().len() - self.rest().trim_start_matches(BLANK).len();
        if self.rest()[if trims { blank } else { 0 }..].starts_with("/*") {
            return self.comment(open);
        }
        self.push(open, Kind::Open, false);
        loop {
            let before = self.at;
            let after = self.rest().trim_start_matches(BLANK);
            self.at = self.source.len() - after.len();
            let spaced = self.at > before;
            if after.is_empty() {
                return Err(Fault::new(open, "this `{{` is not closed"));
            }
            if spaced && after.starts_with("-}}") {
                self.push(self.at, Kind::Close, true);
                self.at += 3;
                return Ok(true);
            }
            if after.starts_with("}}") {
                self.push(self.at, Kind::Close, spaced);
                self.at += 2;
                return Ok(false);
            }
            let at = self.at;
            let kind = self.token()?;
            self.push(at, kind, spaced);
        }
    }

    fn comment(&mut self, open: usize) -> Result<bool, Fault> {
        let end = self.rest().find("*/").ok_or_else(|| Fault::new(open, "this comment is not closed"))?;
        self.at += end + 2;
        let after = self.rest().trim_start_matches(BLANK);
        let spaced = after.len() < self.rest().len();
        let (length, trims) = match (self.rest().starts_with("}}"), spaced && after.starts_with("-}}")) {
            (true, _) => (2, false),
            (_, true) => (self.rest().len() - after.len() + 3, true),
            _ => return Err(Fault::new(open, "a comment ends with `*/}}`")),
        };
        self.at += length;
        Ok(trims)
    }

    fn token(&mut self) -> Result<Kind, Fault> {
        let (at, rest) = (self.at, self.rest());
        let first = rest.chars().next().unwrap_or_default();
        let second = rest[first.len_utf8()..].chars().next().unwrap_or_default();
        let sign = match first {
            '|' => Some(Kind::Pipe),
            '(' => Some(Kind::Left),
            ')' => Some(Kind::Right),
            ',' => Some(Kind::Comma),
            '=' => Some(Kind::Assign),
            ':' if second == '=' => Some(Kind::Declare),
            _ => None,
        };
        if let Some(sign) = sign {
            self.at += if sign == Kind::Declare { 2 } else { 1 };
            return Ok(sign);
        }
        match first {
            '"' => self.quoted(rest),
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| Fault::new(at, "this raw text is not closed"))?;
                self.at += end + 2;
                Ok(Kind::Text(rest[1..=end].to_owned()))
            }
            '\'' => self.character(rest),
            '.' if !second.is_ascii_digit() => {
                self.at += 1;
                let name = self.name()?;
                Ok(if name.is_empty() { Kind::Dot } else { Kind::Field(name) })
            }
            '$' => {
                self.at += 1;
                Ok(Kind::Variable(format!("${}", self.name()?)))
            }
            '0'..='9' | '+' | '-' | '.' => Ok(self.number(rest)),
            c if c.is_alphabetic() || c == '_' => Ok(Kind::Word(self.name()?)),
            c => Err(Fault::new(at, format!("`{c}` means nothing here"))),
        }
    }

    /// Letters and digits, up to something that may follow a name.
    fn name(&mut self) -> Result<String, Fault> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = (rest[..end].to_owned(), &rest[end..]);
        let ends = after.is_empty()
            || after.starts_with(BLANK)
            || after.starts_with(['.', ',', '|', ':', ')', '('])
            || after.starts_with("}}");
        if !ends {
            let c = after.chars().next().unwrap_or_default();
            return Err(Fault::new(self.at + end, format!("`{c}` cannot follow a name")));
        }
        self.at += end;
        Ok(name)
    }

    fn number(&mut self, rest: &str) -> Kind {
        let bytes = rest.as_bytes();
        let mut end = usize::from(matches!(bytes[0], b'+' | b'-'));
        while end < bytes.len() {
            let sign_of_exponent = matches!(bytes[end], b'+' | b'-')
                && matches!(bytes[end - 1], b'e' | b'E' | b'p' | b'P')
                && !rest[..end].contains("0x");
            if !(bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_') || sign_of_exponent) {
                break;
            }
            end += 1;
        }
        self.at += end;
        Kind::Number(rest[..end].to_owned())
    }

    fn character(&mut self, rest: &str) -> Result<Kind, Fault> {
        let end = closing(rest, '\'').ok_or_else(|| Fault::new(self.at, "this character is not closed"))?;
        let text = unquoted(&rest[1..end]).ok_or_else(|| Fault::new(self.at, "this is no character"))?;
        let mut chars = text.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            return Err(Fault::new(self.at, "one character stands between `'`"));
        };
        self.at += end + 1;
        Ok(Kind::Char(c))
    }

    fn quoted(&mut self, rest: &str) -> Result<Kind, Fault> {
        let end = closing(rest, '"').ok_or_else(|| Fault::new(self.at, "this text is not closed on its line"))?;
        let text = unquoted(&rest[1..end]);
        let text = text.ok_or_else(|| Fault::new(self.at, "this text has a `\\` that means nothing"))?;
        self.at += end + 1;
        Ok(Kind::Text(text))
    }
}

/// Where the quoted text that `rest` begins with ends, on the same line.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(i),
            _ => {}
        }
    }
    None
}

/// Go's escapes, resolved. Bytes that are no UTF-8 cannot be said here.
fn unquoted(text: &str) -> Option<String> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            out.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next()?;
        let (radix, digits, skip) = match escape {
            'x' => (16, 2, 1),
            'u' => (16, 4, 1),
            'U' => (16, 8, 1),
            '0'..='7' => (8, 3, 0),
            _ => {
                let simple = [b"abfnrtv\\'\"", b"\x07\x08\x0c\n\r\t\x0b\\'\""];
                let which = simple[0].iter().position(|b| char::from(*b) == escape)?;
                out.push(simple[1][which]);
                rest = &rest[1..];
                continue;
            }
        };
        let code = u32::from_str_radix(rest.get(skip..skip + digits)?, radix).ok()?;
        rest = &rest[skip + digits..];
        match escape {
            'u' | 'U' => out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => out.push(u8::try_from(code).ok()?),
        }
    }
    String::from_utf8(out).ok()
}
