//! A statement in colours: keywords, strings, numbers, comments, parameters, and the bracket that matches the one at the
//! cursor. One pass over the text. Knows ANSI colours; whether there should be any is the caller's to say.

use super::assist::tokens::{Kind, Token, tokens};

const RESET: &str = "\x1b[0m";

/// Words that are shown as keywords.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "ASSERT",
    "BETWEEN",
    "BY",
    "CALL",
    "CASE",
    "CAST",
    "COPY",
    "CREATE",
    "CROSS",
    "CURRENT",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXTENDED",
    "FALSE",
    "FETCH",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "METHODS",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "PROVIDERS",
    "RANGE",
    "RECURSIVE",
    "REPLACE",
    "RESET",
    "RESOURCES",
    "RETURNING",
    "RIGHT",
    "ROW",
    "ROWS",
    "SELECT",
    "SERVICES",
    "SET",
    "SHOW",
    "TABLE",
    "TABLES",
    "THEN",
    "TO",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNNEST",
    "UPDATE",
    "USE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// The text with colours; `cursor` is where the matching bracket is looked for, if anywhere.
pub fn highlight(text: &str, cursor: Option<usize>) -> String {
    let (tokens, open) = tokens(text);
    let pair = cursor.and_then(|cursor| brackets(&tokens, cursor));
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (i, token) in tokens.iter().enumerate() {
        out.push_str(&text[at..token.start]);
        at = token.end();
        let name = i > 0 && tokens[i - 1].is_sign('.');
        let colour = match token.kind {
            _ if open == Some(token.start) && token.kind == Kind::String => "\x1b[4;32m",
            Kind::Word if !name && is_keyword(token.text) => "\x1b[1;34m",
            Kind::String => "\x1b[32m",
            Kind::Number => "\x1b[35m",
            Kind::Comment => "\x1b[90m",
            Kind::Parameter => "\x1b[36m",
            Kind::Sign if pair.is_some_and(|(a, b)| i == a || i == b) => "\x1b[1;7m",
            _ => "",
        };
        if colour.is_empty() {
            out.push_str(token.text);
        } else {
            out.extend([colour, token.text, RESET]);
        }
    }
    out.push_str(&text[at..]);
    out
}

fn is_keyword(word: &str) -> bool {
    // Longer words are no keywords, and copying them would be for nothing.
    word.len() <= 10 && KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

/// The bracket at the cursor (under it, or right before it) and its partner, as places in `tokens`.
fn brackets(tokens: &[Token<'_>], cursor: usize) -> Option<(usize, usize)> {
    let is_bracket = |t: &Token<'_>| t.kind == Kind::Sign && "()[]{}".contains(t.text);
    let at = tokens
        .iter()
        .position(|t| t.start == cursor && is_bracket(t))
        .or_else(|| tokens.iter().position(|t| t.end() == cursor && is_bracket(t)))?;
    let opens = |t: &Token<'_>| t.kind == Kind::Sign && "([{".contains(t.text);
    let mut depth = 0_i64;
    let mut closes = |(i, t): (usize, &Token<'_>)| {
        if is_bracket(t) {
            depth += if opens(t) { 1 } else { -1 };
        }
        (depth == 0).then_some(i)
    };
    let partner = if opens(&tokens[at]) {
        tokens.iter().enumerate().skip(at).find_map(&mut closes)
    } else {
        tokens.iter().enumerate().take(at + 1).rev().find_map(&mut closes)
    }?;
    let wanted = match tokens[at].text {
        "(" => ")",
        ")" => "(",
        "[" => "]",
        "]" => "[",
        "{" => "}",
        _ => "{",
    };
    (tokens[partner].text == wanted).then_some((at, partner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_so_that_they_are_found() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn each_kind_has_its_colour_and_the_text_stays() {
        let text = "select a.\"from\", 'x''y', 12 -- end\n, @p FROM t.where";
        let shown = highlight(text, None);
        assert!(shown.contains("\x1b[1;34mselect\x1b[0m"), "{shown:?}");
        assert!(shown.contains("\x1b[32m'x''y'\x1b[0m"), "{shown:?}");
        assert!(shown.contains("\x1b[35m12\x1b[0m") && shown.contains("\x1b[90m-- end\x1b[0m"), "{shown:?}");
        assert!(shown.contains("\x1b[36m@p\x1b[0m") && shown.contains("t.where"), "{shown:?}");
        let plain = shown.split('\x1b').map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
        let plain: String = shown.split('\x1b').take(1).chain(plain.skip(1)).collect();
        assert_eq!(plain, text);
    }

    #[test]
    fn the_bracket_at_the_cursor_and_its_partner_stand_out() {
        let marked = |text: &str, cursor| highlight(text, Some(cursor)).matches("\x1b[1;7m").count();
        assert_eq!(marked("(a, ')', (b))", 0), 2);
        assert_eq!(marked("(a, ')', (b))", 13), 2);
        assert_eq!(marked("(a, ')'", 0), 0);
        assert_eq!(marked("(a]", 0), 0);
    }

    #[test]
    fn two_hundred_pasted_lines_are_highlighted_in_no_time() {
        let text = "SELECT a, 'b', (c + 1) FROM t WHERE x = 1; -- x\n".repeat(20_000);
        let begun = std::time::Instant::now();
        assert!(highlight(&text, Some(3)).len() > text.len());
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }
}
