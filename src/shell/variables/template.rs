//! `{{ .values.x }}` of StackQL's files: plain substitution from a file of values, made safe. Inside a string a value is
//! written so that it stays inside; elsewhere it must be a number, a boolean or part of a name. What else their templates
//! can do is refused. Must not know statements.

use serde_json::Value as Json;

use super::fill::{Filled, kind};
use super::load::{json, jsonnet};
use crate::error::{Error, Result, nearest};
use crate::sql::{self, Mark, Stretch};

/// The values of a file.
#[derive(Debug)]
pub struct Template {
    root: Json,
}

/// Whether a text has a placeholder outside of its comments.
pub fn is_templated(text: &str) -> bool {
    text.contains("{{") && sql::scan(text).stretches.iter().any(|s| s.mark != Mark::Comment && starts(text, s.start, s))
}

fn starts(text: &str, at: usize, stretch: &Stretch) -> bool {
    match stretch.mark {
        Mark::Quoted => text[stretch.start..stretch.end].contains("{{"),
        _ => text[at..].starts_with("{{"),
    }
}

impl Template {
    /// Reads a file of values.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn read(file: &str, text: &str) -> Result<Template> {
        let lower = file.to_lowercase();
        if lower.ends_with(".jsonnet") || lower.ends_with(".libsonnet") {
            return Err(jsonnet(file));
        }
        Ok(Template { root: json(file, text)? })
    }

    /// Fills in the placeholders of a statement.
    ///
    /// # Errors
    /// For what has no value, is no plain placeholder, or cannot stand where it does; with its place.
    pub fn fill(&self, text: &str) -> Result<Filled> {
        let mut filled = Filled::empty();
        let mut done = 0;
        for stretch in sql::scan(text).stretches.iter().filter(|s| s.mark != Mark::Comment) {
            let mut at = stretch.start.max(done);
            while at < stretch.end {
                let found = match stretch.mark {
                    Mark::Quoted => text[at..stretch.end].find("{{").map(|start| at + start),
                    _ => text[at..].starts_with("{{").then_some(at),
                };
                let Some(start) = found else { break };
                let within = if stretch.mark == Mark::Quoted { &text[start..stretch.end] } else { &text[start..] };
                let here = |error: Error| error.at(sql::place_at(text, start));
                let end = within.find("}}").map(|end| start + end + 2).ok_or_else(|| here(unclosed()))?;
                let value = self.value(text[start + 2..end - 2].trim()).map_err(here)?;
                let quote = if stretch.mark == Mark::Quoted { &text[stretch.start..stretch.end] } else { "" };
                let literal = written(value, quote).map_err(here)?;
                filled.put(&text[done..start], (start, end - start), &literal);
                (done, at) = (end, end);
            }
        }
        filled.rest(&text[done..]);
        Ok(filled)
    }

    /// What `.values.x` means.
    fn value(&self, path: &str) -> Result<&Json> {
        let plain = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        if path.is_empty() || !path.chars().all(plain) || path.contains("..") || path.starts_with('$') {
            return Err(Error::statement(format!("{{{{ {path} }}}} is more than a value to fill in"))
                .hint("{{ .values.name }} is filled in; ranges, conditions and functions of templates are not run"));
        }
        let names: Vec<&str> = path.trim_start_matches('.').split('.').filter(|name| !name.is_empty()).collect();
        let mut value = &self.root;
        for name in names {
            value = value.get(name).ok_or_else(|| {
                let error = Error::statement(format!("{{{{ {path} }}}} has no value in the file of --iqldata"));
                let known = value.as_object().into_iter().flat_map(|o| o.keys().map(String::as_str));
                match nearest(name, known) {
                    Some(near) => error.hint(format!("did you mean {near} for {name}?")),
                    None => error.hint(format!("there is no {name} where it looks")),
                }
            })?;
        }
        Ok(value)
    }
}

impl Filled {
    /// Adds what stands behind the last change.
    fn rest(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

fn unclosed() -> Error {
    Error::statement("the placeholder that begins here is not closed").hint("close it with }}")
}

/// A value as it stands in a text. `quoted` is the string or quoted name that it stands in, if it does.
fn written(value: &Json, quoted: &str) -> Result<String> {
    let text = match value {
        Json::Null => return Err(Error::statement("the value here is null, which a template cannot write")),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match quoted.chars().next() {
        None => bare(value, text),
        Some('"') => Ok(text.replace('"', "\"\"")),
        Some('\'' | 'n' | 'N') => Ok(text.replace('\'', "''")),
        Some('e' | 'E') => Ok(text.replace('\\', "\\\\").replace('\'', "''")),
        // A dollar could end a string between dollars; in the others, escapes mean something.
        Some('$') if !text.contains('$') => Ok(text),
        Some(_) => Err(Error::statement("a value cannot be filled into a string of this kind")
            .hint("write the string in single quotes: '{{ .values.name }}'")),
    }
}

fn bare(value: &Json, text: String) -> Result<String> {
    let part = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match value {
        Json::Number(_) | Json::Bool(_) => Ok(text),
        Json::String(_) if part(&text) => Ok(text),
        other => Err(Error::statement(format!(
            "outside of quotes a number, a boolean or a word is filled in, and this is {}",
            match other {
                Json::String(_) => "a text of more than a word",
                other => kind(other),
            }
        ))
        .hint("in single quotes every text can stand: '{{ .values.name }}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;

    fn template() -> Template {
        let text = r#"{"values":{"app":"it's","n":-5,"on":true,"table":"pallets","two":"a b","none":null,
            "list":["x'",1],"evil":"'; DELETE FROM t; --","path":"C:\\n","dollar":"$$"},"x":1}"#;
        Template::read("v.json", text).unwrap()
    }

    fn filled(text: &str) -> String {
        template().fill(text).unwrap_or_else(|error| panic!("{text}: {error}")).text
    }

    fn refused(text: &str) -> String {
        template().fill(text).expect_err(text).to_string()
    }

    #[test]
    fn a_value_stays_inside_its_string() {
        assert_eq!(filled("SELECT '{{ .values.app }}', '{{.values.evil}}'"), "SELECT 'it''s', '''; DELETE FROM t; --'");
        assert_eq!(filled("SELECT 'a-{{ .x }}-{{ .values.on }}'"), "SELECT 'a-1-true'");
        assert_eq!(filled("SELECT E'{{ .values.path }}', $${{ .values.app }}$$"), "SELECT E'C:\\\\n', $$it's$$");
        assert_eq!(filled("SELECT \"{{ .values.two }}\""), "SELECT \"a b\"");
        assert_eq!(filled("SELECT '{{ .values.list }}'"), "SELECT '[\"x''\",1]'");
        assert!(refused("SELECT $${{ .values.dollar }}$$").contains("string of this kind"));
        assert_eq!(sql::split(&filled("SELECT '{{ .values.evil }}'")).unwrap().len(), 1);
    }

    #[test]
    fn outside_of_strings_only_a_word_is_filled_in() {
        assert_eq!(filled("SELECT {{ .values.n }} FROM s.{{ .values.table }}_x"), "SELECT -5 FROM s.pallets_x");
        for name in ["evil", "two", "app", "list"] {
            assert!(refused(&format!("SELECT {{{{ .values.{name} }}}}")).contains("outside of quotes"), "{name}");
        }
        assert!(refused("SELECT '{{ .values.none }}'").contains("null"));
        assert_eq!(filled("SELECT 1 -- {{ .nope }}"), "SELECT 1 -- {{ .nope }}");
    }

    #[test]
    fn what_templates_can_do_besides_is_refused_with_its_place() {
        assert_eq!(
            refused("SELECT 1,\n '{{ range .values.list }}'"),
            "line 2, column 3: {{ range .values.list }} is more than a value to fill in"
        );
        for text in ["{{ if .x }}", "'{{ .x | upper }}'", "{{- .x }}", "{{ }}", "{{ $x }}", "{{ .a..b }}"] {
            assert!(refused(text).contains("is more than"), "{text}");
        }
        assert!(refused("SELECT '{{ .values.ap }}'").contains("has no value"));
        assert!(refused("SELECT {{ .x").contains("is not closed"));
        assert!(Template::read("v.jsonnet", "{}").unwrap_err().to_string().contains("jsonnet"));
    }

    #[test]
    fn places_are_those_of_the_file() {
        let typed = "SELECT '{{ .values.app }}', x";
        let filled = template().fill(typed).unwrap();
        assert_eq!(filled.back(Place { file: None, line: 1, column: 17 }, typed).column, 29);
        assert!(is_templated(typed) && !is_templated("SELECT '{', 1 -- {{ x }}"));
    }
}
