//! Which lines the shell remembers. What writes down a secret is forgotten, and in doubt too: a line that has to be typed
//! again costs less than a key in a file. Reads tokens; must not know which tables there are.

use super::editor::assist::tokens::{Kind, Token, tokens};
use crate::secret::Redactor;

/// Parts of names that sound secret, without signs between their words.
const SECRETS: &[&str] = &[
    "streamkey",
    "passphrase",
    "token",
    "secret",
    "password",
    "passwd",
    "privatekey",
    "apikey",
    "accesskey",
    "authorization",
    "bearer",
    "credential",
    "signature",
];
/// Words that begin what writes or sets something.
const WRITES: &[&str] =
    &["INSERT", "UPDATE", "REPLACE", "EXEC", "EXECUTE", "CALL", "SET", "CREATE", "COPY", "DELETE", "VALUES"];

/// Whether a text may go into the history: not when it gives a value to something whose name sounds secret, or says a
/// secret that the session knows.
pub fn may_keep(text: &str, redactor: &Redactor) -> bool {
    if redactor.clean(text) != text {
        return false;
    }
    if text.trim_start().starts_with('\\') {
        return !sounds_secret(text);
    }
    let (all, _) = tokens(text);
    !all.split(|t| t.kind == Kind::Semicolon).any(writes_down)
}

fn sounds_secret(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SECRETS.iter().any(|secret| bare.contains(secret))
}

/// Whether one statement writes down a secret.
fn writes_down(statement: &[Token<'_>]) -> bool {
    let code: Vec<&Token<'_>> = statement.iter().filter(|t| t.kind != Kind::Comment).collect();
    let literal = |t: &&Token<'_>| matches!(t.kind, Kind::String | Kind::Number);
    let name = |t: &&Token<'_>| matches!(t.kind, Kind::Word | Kind::Name | Kind::Parameter) && sounds_secret(t.text);
    // A comment, JSON or an address may hold a name and its value: '{"token": "x"}', '?token=x', -- token: x
    let holds = |t: &Token<'_>| {
        matches!(t.kind, Kind::String | Kind::Comment) && t.text.contains([':', '=', ' ']) && sounds_secret(t.text)
    };
    if statement.iter().any(holds) {
        return true;
    }
    let writes = code.iter().any(|t| t.is_one_of(WRITES));
    let names = |t: &&Token<'_>| name(t) || (t.kind == Kind::String && sounds_secret(t.text));
    if writes && code.iter().any(names) && code.iter().any(literal) {
        return true;
    }
    // A value near the name in a comparison, on either side: = 'x', IN ('x', ..), BETWEEN 'x', 'x' = name.
    code.iter().enumerate().filter(|(_, t)| name(t)).any(|(i, _)| {
        let ends = |t: &&&Token<'_>| !(t.is_one_of(&["AND", "OR", "FROM", "WHERE"]) || t.is_sign(','));
        let after = code[i + 1..].iter().take_while(ends);
        let before = code[..i].iter().rev().take_while(ends);
        after.chain(before).any(literal)
    })
}

#[cfg(test)]
mod tests {
    use super::may_keep;
    use crate::secret::Redactor;

    #[test]
    fn a_line_that_writes_a_secret_down_is_forgotten() {
        let redactor = Redactor::default();
        redactor.learn("hunter2hunter2");
        for (line, kept) in [
            ("SELECT stream_key FROM t;", true),
            ("SELECT stream_key, uid FROM t WHERE uid = 'x' AND n > 1;", true),
            ("SELECT * FROM t WHERE stream_key = 'abc';", false),
            ("SELECT * FROM t WHERE 'abc' = stream_key;", false),
            ("SELECT * FROM t WHERE \"streamKey\" <> $$abc$$;", false),
            ("SELECT * FROM t WHERE token IN\n('abc', 'def');", false),
            ("SELECT * FROM t WHERE api_key BETWEEN 'a' AND 'b';", false),
            ("SELECT * FROM t WHERE lower(token) = 'abc';", false),
            ("INSERT INTO t (stream_key) VALUES ('abc');", false),
            ("/* now */ INSERT INTO t (stream_key) VALUES ('abc');", false),
            ("EXPLAIN INSERT INTO t (stream_key) VALUES ('abc');", false),
            ("SELECT 1; EXEC p.s.r.m @token = 'abc';", false),
            ("EXEC p.s.r.m @token = 'abc';", false),
            ("EXEC p.s.r.m @uid = 'abc';", true),
            ("EXEC p.s.r.m @@json = '{\"passphrase\": \"abc\"}';", false),
            ("SELECT 'https://h/?access_token=abc';", false),
            ("SET acme.secret = 'abc';", false),
            ("-- the password is abc\nSELECT 1;", false),
            ("\\set token abc", false),
            ("\\set token 'abc'", false),
            ("  \\set API_KEY abc;", false),
            ("SELECT 1 \\g\n\\set token 'abc'", false),
            ("UPDATE t SET stream_key = 'abc' WHERE uid = 'x';", false),
            ("UPDATE t SET \"streamKey\" = DEFAULT, n = 2 WHERE uid = 'x';", false),
            ("UPDATE t SET enabled = true WHERE uid = 'x';", true),
            ("UPDATE t SET meta = '{\"token\": \"abc\"}' WHERE uid = 'x';", false),
            ("DELETE FROM t WHERE token = 'abc';", false),
            ("DELETE FROM t WHERE name IN ('x') AND secret LIKE 'abc%';", false),
            ("DELETE FROM t WHERE uid = 'x';", true),
            ("EXEC p.s.r.m @token = v FROM (SELECT 'abc' AS v);", false),
            ("SELECT 1 AS token, 'abc' AS v \\gset", false),
            ("\\! curl -H 'Authorization: abc' h", false),
            ("\\d tables", true),
            ("SELECT 'hunter2hunter2';", false),
            ("SELECT 1;", true),
        ] {
            assert_eq!(may_keep(line, &redactor), kept, "{line}");
        }
    }
}
