//! A walk over the tokens of one statement, for what is read before sqlparser sees it.
//! Owns names, words and the errors that say what was expected; it must not know which statement it walks.

use super::dialect::{self, Tokens};
use crate::error::{Error, Result};
use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

/// How the end of a statement is named in errors.
pub(super) const THE_END: &str = "the end of the statement";

const BEGINS_WITH_A_DIGIT: &str = "a name that begins with a digit stands in double quotes";

/// The tokens of a statement and how far they were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
    directives: &'a [String],
    end: Location,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a Tokens) -> Self {
        Cursor { tokens: &tokens.list, at: 0, directives: &tokens.directives, end: tokens.end }
    }

    /// Everything not yet read.
    pub(super) fn rest(&self) -> &'a [TokenWithSpan] {
        &self.tokens[self.at..]
    }

    /// Whether `/*+ name */` stands in the statement.
    pub(super) fn has_directive(&self, name: &str) -> bool {
        self.directives.iter().flat_map(|d| d.split_whitespace()).any(|d| d.eq_ignore_ascii_case(name))
    }

    /// The token `ahead` places on.
    pub(super) fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead).map(|t| &t.token)
    }

    /// Steps over one token.
    pub(super) fn skip(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len());
    }

    /// Where the next token stands.
    pub(super) fn location(&self) -> Location {
        self.tokens.get(self.at).map_or(self.end, |t| t.span.start)
    }

    /// An error at the next token.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::statement(message).at(dialect::place(self.location()))
    }

    /// "expected `what`, found the next token".
    pub(super) fn expected(&self, what: &str) -> Error {
        let found = self.peek(0).map_or_else(|| THE_END.to_owned(), dialect::named);
        self.error(format!("expected {what}, found {found}"))
    }

    /// The next token, if it is an unquoted word.
    pub(super) fn word(&self) -> Option<&'a str> {
        bare(self.peek(0)?)
    }

    /// Whether the next token is this keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.word().is_some_and(|w| w.eq_ignore_ascii_case(word))
    }

    /// Steps over this keyword, if it stands here.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Steps over one of these keywords, if one stands here.
    pub(super) fn take_one_of(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take_word(word))
    }

    /// Steps over this token, if it stands here.
    pub(super) fn take(&mut self, token: &Token) -> bool {
        let found = self.peek(0) == Some(token);
        self.at += usize::from(found);
        found
    }

    /// A quoted or unquoted word, whatever it means as a keyword; `what` names it in the error.
    pub(super) fn ident(&mut self, what: &str) -> Result<Ident> {
        let ident = match self.tokens.get(self.at) {
            Some(TokenWithSpan { token: Token::Word(word), span }) => word.to_ident(*span),
            Some(TokenWithSpan { token: Token::Number(..), .. }) => {
                return Err(self.expected(what).hint(BEGINS_WITH_A_DIGIT));
            }
            _ => return Err(self.expected(what)),
        };
        self.at += 1;
        Ok(ident)
    }

    /// A name of at most `parts` parts: `a.b.c`. All dots are kept.
    pub(super) fn name(&mut self, what: &str, parts: usize) -> Result<Vec<Ident>> {
        let start = *self;
        let mut name = vec![self.ident(what)?];
        while self.take(&Token::Period) {
            name.push(self.ident("a name after the dot")?);
        }
        if matches!(self.peek(0), Some(Token::Number(text, _)) if text.starts_with('.')) {
            return Err(self.expected("a name after the dot").hint(BEGINS_WITH_A_DIGIT));
        }
        if name.len() > parts {
            let most = if parts == 1 { "one part".to_owned() } else { format!("at most {parts} parts") };
            return Err(start.error(format!("{what} has {most}, this name has {}", name.len())));
        }
        Ok(name)
    }

    /// A string literal.
    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        match self.peek(0) {
            Some(
                Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text),
            ) => {
                self.at += 1;
                Ok(text.clone())
            }
            Some(Token::DollarQuotedString(text)) => {
                self.at += 1;
                Ok(text.value.clone())
            }
            Some(Token::Word(Word { quote_style: Some('"'), .. })) => {
                Err(self.expected(what).hint("strings stand in single quotes, names in double quotes"))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// The next `length` tokens as an expression; `end` is what follows them.
    pub(super) fn expression(&mut self, length: usize, end: &str) -> Result<Expr> {
        let tokens = &self.rest()[..length];
        self.at += length;
        dialect::expression(tokens, end)
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<()> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.expected(THE_END)) }
    }
}

/// The text of an unquoted word.
pub(super) fn bare(token: &Token) -> Option<&str> {
    match token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, read: impl FnOnce(&mut Cursor<'_>) -> T) -> T {
        let tokens = dialect::tokens(text).expect("tokens");
        read(&mut Cursor::new(&tokens))
    }

    #[test]
    fn a_name_keeps_its_dots_and_quotes() {
        let name = with("a.\"B.c\"._d.select", |c| c.name("a name", 4)).expect("name");
        assert_eq!(name.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "\"B.c\"", "_d", "select"]);
        let error = with("x a.b.c", |c| (c.skip(), c.name("a provider", 1)).1).expect_err("too long");
        assert_eq!(error.to_string(), "line 1, column 3: a provider has one part, this name has 3");
        assert!(with("a.2b", |c| c.name("a name", 4)).is_err());
    }

    #[test]
    fn the_end_has_a_place() {
        let error = with("USE\n  ", |c| (c.skip(), c.ident("a name")).1).expect_err("nothing");
        assert_eq!(error.to_string(), "line 1, column 4: expected a name, found the end of the statement");
    }

    #[test]
    fn a_quoted_word_is_no_keyword() {
        assert!(!with("\"show\"", |c| c.take_word("show")));
        assert!(with("Show", |c| c.take_word("SHOW")));
    }
}
