//! Whether a Go template of a request only restates the body's schema: every key gets the value of the field of that
//! name, if it is there. Reads the template's outline alone; it executes nothing.

/// A piece of a template: text without its blanks, or what stands between `{{` and `}}`.
enum Piece {
    Text(String),
    Action(String),
}

fn pieces(template: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let text = |text: &str| Piece::Text(text.chars().filter(|c| !c.is_whitespace()).collect());
    while let Some((before, behind)) = rest.split_once("{{") {
        let (action, after) = behind.split_once("}}")?;
        let action = action.strip_prefix('-').unwrap_or(action);
        let action = action.strip_suffix('-').unwrap_or(action);
        pieces.push(text(before));
        pieces.push(Piece::Action(action.split_whitespace().collect::<Vec<_>>().join(" ")));
        rest = after;
    }
    pieces.push(text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    Some(pieces)
}

/// `{{ .x }}` and nothing more: `x`.
pub(super) fn single(template: &str) -> Option<String> {
    match pieces(template)?.as_slice() {
        [Piece::Action(action)] => field(action),
        _ => None,
    }
}

/// The keys that a template restates, or `None` where it does anything else.
pub(super) fn restated(template: &str) -> Option<Vec<String>> {
    let mut outline = String::new();
    // Fields that the conditions around ask for; each must be the one whose value stands within.
    let mut asked: Vec<String> = Vec::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(text) => outline.push_str(&text),
            Piece::Action(action) if action == "end" => drop(asked.pop()?),
            Piece::Action(action) if is_separator(&action) || action == "else" => {}
            Piece::Action(action) => match action.strip_prefix("if ") {
                Some(condition) => asked.push(condition_on(condition)?),
                None => {
                    let field = value_of(&action)?;
                    if asked.iter().any(|name| *name != field) {
                        return None;
                    }
                    outline.push('\u{1}');
                    outline.push_str(&field);
                    outline.push('\u{2}');
                }
            },
        }
    }
    let inner = outline.strip_prefix('{')?.strip_suffix('}')?;
    let mut keys = Vec::new();
    let mut rest = inner;
    while !rest.is_empty() {
        let (key, behind) = rest.strip_prefix(',').unwrap_or(rest).strip_prefix('"')?.split_once("\":")?;
        rest = values(key, behind)?;
        keys.push(key.to_owned());
    }
    Some(keys)
}

/// What follows the values of `key`: one, or one for each branch of a condition; in quotes or not.
fn values<'a>(key: &str, text: &'a str) -> Option<&'a str> {
    let (quoted, bare) = (format!("\"\u{1}{key}\u{2}\""), format!("\u{1}{key}\u{2}"));
    let next = |text: &'a str| text.strip_prefix(quoted.as_str()).or_else(|| text.strip_prefix(bare.as_str()));
    let mut rest = next(text)?;
    while let Some(after) = next(rest) {
        rest = after;
    }
    Some(rest)
}

/// `$sep`, and what is assigned to it.
fn is_separator(action: &str) -> bool {
    let word = action.split(' ').next().unwrap_or_default();
    let assigned = action.split_once('=').map(|(_, value)| value.trim());
    word.starts_with('$')
        && assigned.is_none_or(|value| matches!(value, "\"\"" | "\",\"" | "\", \"" | "true" | "false"))
}

fn condition_on(condition: &str) -> Option<String> {
    let kind = condition.strip_prefix("eq (kindOf ").and_then(|rest| rest.strip_suffix(") \"string\""));
    let there = condition.strip_prefix("hasKey . \"").and_then(|rest| rest.strip_suffix('"'));
    let not_nil = condition.strip_prefix("ne ").and_then(|rest| rest.strip_suffix(" nil"));
    there.map(str::to_owned).or_else(|| field(kind.or(not_nil).unwrap_or(condition)))
}

fn value_of(action: &str) -> Option<String> {
    let bare = action.strip_prefix("toJson ").or_else(|| action.strip_suffix(" | toJson")).unwrap_or(action);
    field(bare.strip_prefix('(').and_then(|b| b.strip_suffix(')')).unwrap_or(bare))
}

/// `.x` or `index . "x"`: a field of the input.
fn field(text: &str) -> Option<String> {
    let indexed = text.trim_start_matches('(').trim_end_matches(')').strip_prefix("index . \"");
    if let Some(name) = indexed.and_then(|rest| rest.strip_suffix('"')) {
        return Some(name.to_owned());
    }
    let name = text.strip_prefix('.')?;
    (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_writes_each_field_under_its_own_name_restates() {
        let usual = "{\n{{- $sep := \"\" -}}\n\
            {{- if .config }}{{ $sep }}\"config\": {{ if eq (kindOf .config) \"string\" }}{{ .config }}{{ else }}\
            {{ toJson .config }}{{ end }}{{- $sep = \",\" -}}{{ end }}\n\
            {{- if .name }}{{ $sep }}\"name\": {{ toJson .name }}{{- $sep = \",\" -}}{{ end }}\n}\n";
        assert_eq!(restated(usual), Some(vec!["config".to_owned(), "name".to_owned()]));
        let plain = "{\"a\": {{ toJson .a }}, \"b-c\": {{ index . \"b-c\" | toJson }}, \"d\": \"{{ .d }}\"}";
        assert_eq!(restated(plain), Some(["a", "b-c", "d"].map(str::to_owned).to_vec()));
        assert_eq!(restated("{}"), Some(vec![]));
    }

    #[test]
    fn a_template_that_says_anything_more_does_not() {
        for more in [
            "{\"a\": {{ toJson .b }}}",
            "{\"a\": {{ toJson .a }}, \"kind\": \"thing\"}",
            "{{ toJson . }}",
            "{\"in\": {\"a\": {{ toJson .a }}}}",
            "{\"a\": {{ if .b }}{{ toJson .a }}{{ end }}}",
            "{{ range .a }}{{ . }}{{ end }}",
            "{\"a\": {{ printf \"%d\" .a }}}",
            "{\"a\": {{ .a }",
            "[{{ toJson .a }}]",
            "{\"a\": {{ toJson .a.b }}}",
        ] {
            assert_eq!(restated(more), None, "{more}");
        }
    }

    #[test]
    fn a_single_field_is_a_text() {
        assert_eq!(single("{{ .value }}\n"), Some("value".to_owned()));
        assert_eq!(single("{{- .value -}}"), Some("value".to_owned()));
        assert_eq!(single("x{{ .value }}"), None);
        assert_eq!(single("{{ .a }}{{ .b }}"), None);
    }
}
