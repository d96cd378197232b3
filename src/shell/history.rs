//! Which lines the shell remembers. What holds a secret is forgotten.

/// Whether a statement may go into the history file: not when it writes down a value for something whose name sounds
/// secret, or says a secret the session knows.
pub fn may_keep(statement: &str, redactor: &crate::secret::Redactor) -> bool {
    const SECRETS: [&str; 7] = ["stream_key", "streamkey", "passphrase", "token", "secret", "password", "private_key"];
    if redactor.clean(statement) != statement {
        return false;
    }
    let lower = statement.to_lowercase();
    let writes = ["insert", "exec", "set", "update", "replace"].iter().any(|verb| lower.trim_start().starts_with(verb));
    let compares = SECRETS.iter().any(|name| {
        lower.match_indices(name).any(|(at, _)| {
            let after =
                lower[at + name.len()..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '"');
            let after = after.trim_start();
            after.starts_with("= '")
                || after.starts_with("='")
                || after.starts_with("in (")
                || after.starts_with("like")
        })
    });
    let writes_one = writes && SECRETS.iter().any(|name| lower.contains(name));
    !(compares || writes_one)
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
            ("SELECT * FROM t WHERE stream_key = 'abc';", false),
            ("INSERT INTO t (stream_key) VALUES ('abc');", false),
            ("EXEC p.s.r.m @token = 'abc';", false),
            ("SELECT 'hunter2hunter2';", false),
            ("SELECT 1;", true),
        ] {
            assert_eq!(may_keep(line, &redactor), kept, "{line}");
        }
    }
}
