//! A script cut into statements, each with its place in the whole.
//! `;` is found by the scanner, so one inside a string, a quoted name or a comment never cuts. It must not know what
//! a statement means.

use super::scan::{self, Mark, Stretch};
use crate::error::{Error, Place, Result};

/// One statement of a script: its text from the first word on, without the `;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text as it was written, comments within it included.
    pub text: String,
    /// Where its first word stands in the whole text (`file` is left to the caller).
    pub place: Place,
    /// Ended by `;`.
    pub complete: bool,
}

impl Piece {
    /// `error` with its place moved from this piece's text to the whole text. An error without a place gets that of
    /// the statement.
    #[must_use]
    pub fn locate(&self, error: Error) -> Error {
        error.map_place(|inner| {
            let Some(inner) = inner else { return Some(self.place.clone()) };
            // A place in another file, a document's, is where it is.
            if inner.file.is_some() {
                return Some(inner);
            }
            let column = if inner.line == 1 { self.place.column + inner.column - 1 } else { inner.column };
            Some(Place { file: self.place.file.clone(), line: self.place.line + inner.line - 1, column })
        })
    }
}

/// The statements of a text. Stretches of nothing but comments are no statements. A string or comment that is not
/// closed is an error, because nobody can know where the statements after it begin.
pub fn split(text: &str) -> Result<Vec<Piece>> {
    let scan = scan::scan(text);
    if let Some(start) = scan.open {
        return Err(scan::unclosed(text, start));
    }
    let mut cut = Cut { text, place: Place { file: None, line: 1, column: 1 }, at: 0 };
    let ends = |stretch: &Stretch| stretch.mark == Mark::Semicolon;
    Ok(scan.stretches.split_inclusive(ends).filter_map(|stretches| cut.piece(stretches)).collect())
}

/// Whether the shell may run what was typed: it ends with `;`, or there is nothing in it.
pub fn is_complete(text: &str) -> bool {
    let scan = scan::scan(text);
    let last = scan.stretches.iter().rev().find(|stretch| stretch.mark != Mark::Comment);
    scan.open.is_none() && last.is_none_or(|stretch| stretch.mark == Mark::Semicolon)
}

/// Walks the text once, counting lines as it goes.
struct Cut<'a> {
    text: &'a str,
    place: Place,
    at: usize,
}

impl Cut<'_> {
    fn piece(&mut self, stretches: &[Stretch]) -> Option<Piece> {
        let (last, complete) = match stretches.split_last() {
            Some((last, before)) if last.mark == Mark::Semicolon => (before.last()?, true),
            Some((last, _)) => (last, false),
            None => return None,
        };
        let first = stretches.iter().find(|s| !matches!(s.mark, Mark::Comment | Mark::Semicolon))?;
        let step = scan::place_at(&self.text[self.at..], first.start - self.at);
        let column = if step.line == 1 { self.place.column + step.column - 1 } else { step.column };
        self.place = Place { file: None, line: self.place.line + step.line - 1, column };
        self.at = first.start;
        Some(Piece { text: self.text[first.start..last.end].to_owned(), place: self.place.clone(), complete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::dialect;
    use crate::sql::dice::Dice;
    use sqlparser::tokenizer::Token;

    #[test]
    fn a_semicolon_cuts_only_where_it_is_code() {
        let text = "SELECT ';', \";\", $$;$$, E'\\';' /* ; */ -- ;\n; # ;\n// ;\nSELECT 2;;\n  SELECT 3 -- end";
        let pieces = split(text).expect("pieces");
        let texts: Vec<_> = pieces.iter().map(|p| (p.text.as_str(), p.complete)).collect();
        assert_eq!(
            texts,
            [("SELECT ';', \";\", $$;$$, E'\\';' /* ; */ -- ;", true), ("SELECT 2", true), ("SELECT 3 -- end", false)]
        );
        let places: Vec<_> = pieces.iter().map(|p| (p.place.line, p.place.column)).collect();
        assert_eq!(places, [(1, 1), (4, 1), (5, 3)]);
    }

    #[test]
    fn columns_count_characters_and_errors_move_with_the_piece() {
        let pieces = split("SELECT 'ü'; SELECT FROM t;\nUSE 1").expect("pieces");
        assert_eq!((pieces[1].place.line, pieces[1].place.column), (1, 13));
        let error = pieces[1].locate(crate::sql::parse(&pieces[1].text).expect_err("no columns"));
        assert_eq!(error.place().map(|p| (p.line, p.column)), Some((1, 20)));
        let error = pieces[2].locate(crate::sql::parse(&pieces[2].text).expect_err("no name"));
        assert_eq!(error.place().map(|p| (p.line, p.column)), Some((2, 5)));
    }

    #[test]
    fn blank_text_and_comments_are_no_statements() {
        assert_eq!(split(" ; ;; -- x\n /* y */ ; # z").expect("pieces"), []);
    }

    #[test]
    fn the_shell_waits_for_the_semicolon() {
        for text in ["", "  \n", "SELECT 1;", "SELECT 1; -- done", "SELECT ';';", "-- only this"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;", "SELECT 1; SELECT 2", "SELECT 1; /* ", "x $$;"] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn an_open_string_is_an_error_with_its_place() {
        let error = split("SELECT 1;\nSELECT 'x;\n").expect_err("open");
        assert_eq!(error.to_string(), "line 2, column 8: the string that begins here is not closed");
    }

    /// The tokens of the whole text, cut at `;` by the tokenizer, are the tokens of the pieces: whatever is mixed.
    #[test]
    fn pieces_hold_the_tokens_of_the_whole() {
        const PARTS: &[&str] = &[
            "SELECT ",
            "a",
            "b1$x$ ",
            ";",
            ";",
            " ; ",
            "'s;''#'",
            "\"q;\"\"--\"",
            "$$;'$$",
            "$t$;$$ -- $t$",
            "E'\\';'",
            "-- c ' ;\n",
            "# don't;\n",
            "// \";\r\n",
            "/* ; ' /* $$ */ ; */",
            " \n",
            "\t",
            "1",
            ".5",
            " - ",
            " / ",
            "#> ",
            "#>>",
            " x'41' ",
            "u&'a;' ",
            " n';' ",
            " , ",
            "(",
            ")",
            "::int",
            "ü",
            "@x = ",
            "@@json",
            "->>",
            "é'",
            "' ",
            "1e",
            "$1 ",
        ];
        let mut dice = Dice::new();
        let mut compared = 0;
        for _ in 0..20_000 {
            let text = dice.text(PARTS, 11);
            let (Ok(pieces), Ok(whole)) = (split(&text), dialect::tokens(&text)) else { continue };
            let plain = |text: &str| dialect::tokens(text).map(|t| t.list.into_iter().map(|t| t.token).collect());
            let parts: Vec<Vec<Token>> = pieces.iter().map(|p| plain(&p.text).expect("tokens")).collect();
            let expected: Vec<Token> = whole.list.into_iter().map(|t| t.token).collect();
            let expected: Vec<Vec<Token>> = expected
                .split(|token| *token == Token::SemiColon)
                .filter(|tokens| !tokens.is_empty())
                .map(<[Token]>::to_vec)
                .collect();
            assert_eq!(parts, expected, "{text:?}");
            for piece in &pieces {
                let from = text.split('\n').nth(usize::try_from(piece.place.line).expect("small") - 1).expect("line");
                let skip = usize::try_from(piece.place.column).expect("small") - 1;
                let rest: String = from.chars().skip(skip).collect();
                let first = piece.text.split('\n').next().unwrap_or_default();
                assert!(rest.starts_with(first.trim_end_matches('\r')), "{text:?} {piece:?}");
            }
            compared += 1;
        }
        assert!(compared > 5_000, "only {compared} texts could be compared");
    }
}
