//! A text in tokens for the eye and for completion: what `sql` found, cut finer. Never fails: what is typed is seldom
//! finished. Where comments and strings stand is `sql`'s to say; this must not look for quotes itself.

use crate::sql::{self, Mark};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes.
    Name,
    /// A string of any kind.
    String,
    Number,
    /// `@name`, `@@json`, `$1`, `:name`.
    Parameter,
    /// One operator character, bracket or comma.
    Sign,
    Comment,
    Semicolon,
}

/// A token and where it begins, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub start: usize,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign && self.text.starts_with(sign)
    }

    /// The name it stands for, without quotes; none for what cannot be a name.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Name => {
                let inner = self.text.strip_prefix('"')?;
                Some(inner.strip_suffix('"').unwrap_or(inner).replace("\"\"", "\""))
            }
            _ => None,
        }
    }
}

/// All tokens of a text, and where a string or comment begins that is not closed.
pub fn tokens(text: &str) -> (Vec<Token<'_>>, Option<usize>) {
    let scan = sql::scan(text);
    let mut tokens: Vec<Token<'_>> = Vec::with_capacity(scan.stretches.len());
    for stretch in &scan.stretches {
        let piece = &text[stretch.start..stretch.end];
        let kind = match stretch.mark {
            Mark::Comment => Kind::Comment,
            Mark::Semicolon => Kind::Semicolon,
            Mark::Quoted if piece.starts_with('"') => Kind::Name,
            Mark::Quoted => Kind::String,
            Mark::Code => code(piece),
        };
        let joined = tokens.last_mut().filter(|last| last.end() == stretch.start && joins(last, kind, piece));
        match joined {
            Some(last) => {
                if last.kind == Kind::Sign {
                    last.kind = if kind == Kind::Sign { Kind::Sign } else { Kind::Parameter };
                }
                last.text = &text[last.start..stretch.end];
            }
            None => tokens.push(Token { kind, text: piece, start: stretch.start }),
        }
    }
    (tokens, scan.open)
}

fn code(piece: &str) -> Kind {
    match piece.chars().next() {
        Some(c) if c.is_ascii_digit() => Kind::Number,
        Some(c) if c.is_alphanumeric() || c == '_' || !c.is_ascii() => Kind::Word,
        _ => Kind::Sign,
    }
}

/// Whether a piece belongs to the token right before it: digits of a number, the name behind `@`.
fn joins(last: &Token<'_>, kind: Kind, piece: &str) -> bool {
    match last.kind {
        Kind::Number => kind == Kind::Number || piece == "." || (kind == Kind::Word && piece.is_ascii()),
        Kind::Sign if last.text == "@" && piece == "@" => true,
        Kind::Sign if matches!(last.text, "@" | "@@") => kind == Kind::Word,
        Kind::Sign if last.text == "$" => kind == Kind::Number,
        Kind::Parameter if last.text.starts_with('$') => kind == Kind::Number,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text).0.iter().map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn numbers_parameters_and_names_are_one_token_each() {
        use Kind::{Name, Number, Parameter, Sign, String, Word};
        assert_eq!(
            kinds("a.\"b c\" = 1.5e3 + @x @@json $12 'it''s'"),
            [
                (Word, "a"),
                (Sign, "."),
                (Name, "\"b c\""),
                (Sign, "="),
                (Number, "1.5e3"),
                (Sign, "+"),
                (Parameter, "@x"),
                (Parameter, "@@json"),
                (Parameter, "$12"),
                (String, "'it''s'"),
            ]
        );
        assert_eq!(
            kinds("x -> 'é' -- c"),
            [(Word, "x"), (Sign, "-"), (Sign, ">"), (String, "'é'"), (Kind::Comment, "-- c")]
        );
    }

    #[test]
    fn what_is_open_is_said() {
        assert_eq!(tokens("SELECT 'x").1, Some(7));
        assert_eq!(tokens("SELECT 'x'").1, None);
    }
}
