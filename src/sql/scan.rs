//! Where comments, quoted text and `;` stand in a text, character by character.
//! The one place that knows what a comment is; it agrees with sqlparser's tokenizer (Postgres) on quoting, and adds
//! the comments `#` and `//`. It must not know statements: keywords mean nothing here.

use crate::error::{Error, Place};

/// What a stretch of text is. Blanks belong to no stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Words, numbers, operators.
    Code,
    /// A string or a quoted name, quotes included.
    Quoted,
    /// A comment, its line end excluded.
    Comment,
    /// One `;`.
    Semicolon,
}

/// A stretch of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// What it is.
    pub mark: Mark,
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// The stretches of a text in order, and where an unclosed string or comment begins.
#[derive(Debug)]
pub struct Scan {
    /// In order; they do not overlap.
    pub stretches: Vec<Stretch>,
    /// Where the string or comment begins that is not closed.
    pub open: Option<usize>,
}

/// Scans the whole of `text`.
pub fn scan(text: &str) -> Scan {
    let mut scan = Scan { stretches: Vec::new(), open: None };
    let (mut at, mut begun) = (0, false);
    while let Some(c) = text[at..].chars().next() {
        if is_blank(c) {
            at += c.len_utf8();
            continue;
        }
        let (mark, length) = next(&text[at..], begun);
        let end = at + length.unwrap_or(text.len() - at);
        scan.stretches.push(Stretch { mark, start: at, end });
        if length.is_none() {
            scan.open = Some(at);
        }
        begun = match mark {
            Mark::Semicolon => false,
            Mark::Comment => begun,
            Mark::Code | Mark::Quoted => true,
        };
        at = end;
    }
    scan
}

/// `text` with its comments (and odd blanks) turned into spaces, so that every place stays as it was, and the
/// directives (`/*+ .. */`) that stood in it.
pub(super) fn without_comments(text: &str) -> Result<(String, Vec<&str>), Error> {
    let scan = scan(text);
    if let Some(start) = scan.open {
        return Err(unclosed(text, start));
    }
    let (mut out, mut directives, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
    for stretch in &scan.stretches {
        blank(&text[at..stretch.start], &mut out);
        let inside = &text[stretch.start..stretch.end];
        if stretch.mark == Mark::Comment {
            blank(inside, &mut out);
            directives.extend(inside.strip_prefix("/*+").and_then(|d| d.strip_suffix("*/")).map(str::trim));
        } else {
            out.push_str(inside);
        }
        at = stretch.end;
    }
    blank(&text[at..], &mut out);
    Ok((out, directives))
}

/// The error for a string or comment that begins at `start` and never ends.
pub(super) fn unclosed(text: &str, start: usize) -> Error {
    let rest = &text[start..];
    let (what, closer) = match rest.chars().next() {
        Some('/') => ("comment", "*/".to_owned()),
        Some('"') => ("quoted name", "\"".to_owned()),
        Some('$') => ("string", dollar_tag(rest).unwrap_or("$$").to_owned()),
        _ => ("string", "'".to_owned()),
    };
    Error::statement(format!("the {what} that begins here is not closed"))
        .at(place_at(text, start))
        .hint(format!("close it with {closer}"))
}

/// The place of byte `offset` in `text`: lines and characters counted as the tokenizer counts them.
pub fn place_at(text: &str, offset: usize) -> Place {
    let start = Place { file: None, line: 1, column: 1 };
    text[..offset].chars().fold(start, |place, c| match c {
        '\n' => Place { line: place.line + 1, column: 1, ..place },
        _ => Place { column: place.column + 1, ..place },
    })
}

fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| if c == '\n' || c == '\r' { c } else { ' ' }));
}

/// Blanks, also those that come along when text is pasted from a page or a file: no-break and zero-width space, BOM.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}'
}

/// What begins `rest` and how long it is; no length when it is not closed. `begun`: something of the statement
/// stands before it, so that an operator may follow.
fn next(rest: &str, begun: bool) -> (Mark, Option<usize>) {
    let mut chars = rest.chars();
    let first = chars.next().unwrap_or(' ');
    let second = chars.next();
    match (first, second) {
        (';', _) => (Mark::Semicolon, Some(1)),
        ('-', Some('-')) | ('/', Some('/')) => (Mark::Comment, Some(line_length(rest))),
        ('#', _) if !(begun && is_hash_operator(rest)) => (Mark::Comment, Some(line_length(rest))),
        ('/', Some('*')) => (Mark::Comment, block_length(rest)),
        ('\'' | '"', _) => (Mark::Quoted, quoted_length(rest, false)),
        ('e' | 'E' | 'x' | 'X', Some('\'')) => (Mark::Quoted, quoted_length(&rest[1..], true).map(|n| n + 1)),
        ('n' | 'N', Some('\'')) | ('b' | 'B', Some('\'' | '"')) => {
            (Mark::Quoted, quoted_length(&rest[1..], false).map(|n| n + 1))
        }
        ('u' | 'U', Some('&')) if rest[2..].starts_with('\'') => {
            (Mark::Quoted, quoted_length(&rest[2..], false).map(|n| n + 2))
        }
        ('$', _) => match dollar_tag(rest) {
            Some(tag) => (Mark::Quoted, rest[tag.len()..].find(tag).map(|n| n + 2 * tag.len())),
            None => (Mark::Code, Some(1)),
        },
        _ if is_word_start(first) => (Mark::Code, Some(word_length(rest))),
        _ => (Mark::Code, Some(first.len_utf8())),
    }
}

/// `#>`, `#>>` and `#-` are operators on JSON; `#--` is a heading somebody drew.
fn is_hash_operator(rest: &str) -> bool {
    rest.starts_with("#>") || (rest.starts_with("#-") && !rest.starts_with("#--"))
}

fn is_word_start(c: char) -> bool {
    (c.is_alphabetic() || c == '_' || !c.is_ascii()) && !is_blank(c)
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| !(is_word_start(c) || c.is_ascii_digit() || c == '$')).unwrap_or(rest.len())
}

fn line_length(rest: &str) -> usize {
    rest.find(['\n', '\r']).unwrap_or(rest.len())
}

/// The length of a `/* .. */`, which may hold others.
fn block_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of what stands between quotes, both counted; a doubled quote does not end it.
fn quoted_length(rest: &str, backslash_escapes: bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let quote = bytes[0];
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'\\' && backslash_escapes {
            at += 2;
        } else if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    None
}

/// The `$$` or `$tag$` that `rest` begins with.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = 1 + rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    rest[end..].starts_with('$').then(|| &rest[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        without_comments(text).expect("closed").0
    }

    #[test]
    fn every_kind_of_comment_becomes_blanks_of_the_same_length() {
        assert_eq!(cleaned("a -- don't\nb"), "a         \nb");
        assert_eq!(cleaned("a # don't\r\nb"), "a        \r\nb");
        assert_eq!(cleaned("a // it's ü\nb"), "a          \nb");
        assert_eq!(cleaned("a /* x /* ' */ \n */ b"), "a              \n    b");
        assert_eq!(cleaned("#!/usr/bin/env weir\nx"), "                   \nx");
    }

    #[test]
    fn quoted_text_holds_no_comments() {
        for text in [
            "'-- # // /* it''s'",
            "\"a # \"\" -- b\"",
            "$$ ' -- $$",
            "$t$ $$ # $t$",
            r"E'\' --'",
            "U&'#'",
            "N'#' b'//'",
            "name$x$ + 1",
            "'http://h/#x'",
        ] {
            assert_eq!(cleaned(text), text);
        }
    }

    #[test]
    fn json_operators_with_a_hash_are_no_comments_but_a_heading_is() {
        assert_eq!(cleaned("a #> b #>> c #- d"), "a #> b #>> c #- d");
        assert_eq!(cleaned("a\n#>> b"), "a\n#>> b");
        assert_eq!(cleaned("#> quoted\nx; #- list\ny #-- z"), "         \nx;        \ny      ");
    }

    #[test]
    fn pasted_blanks_are_blanks() {
        assert_eq!(cleaned("\u{feff}a\u{a0}b\u{200b}'\u{a0}'"), " a b '\u{a0}'");
    }

    #[test]
    fn directives_are_handed_out() {
        let (text, directives) = without_comments("INSERT /*+ AWAIT */ /* no */ INTO t").expect("closed");
        assert_eq!(directives, ["AWAIT"]);
        assert_eq!(text, "INSERT                       INTO t");
    }

    #[test]
    fn what_is_not_closed_is_named_with_its_place() {
        let said = |text| {
            let error = without_comments(text).expect_err("open");
            (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
        };
        let (text, hint) = said("a\n 'it''s");
        assert_eq!(text, "line 2, column 2: the string that begins here is not closed");
        assert_eq!(hint, "close it with '");
        assert_eq!(said("\"a").1, "close it with \"");
        assert_eq!(said("x /* /* */").1, "close it with */");
        assert_eq!(said("$q$ $$").1, "close it with $q$");
        assert_eq!(said("/*").1, "close it with */");
        assert_eq!(said("/*/").1, "close it with */");
    }
}
