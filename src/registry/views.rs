//! `config.views.select` of a resource: which SELECT stands for its rows, as any-sdk's `view.go` reads it. A predicate
//! knows two conditions, `sqlDialect == "sqlite3"` and `requiredParams == [ A, B ]`; `fallback` is the next alternative.
//! Knows the keys and where the names of columns stand in a SELECT; the SQL is not parsed here.

use serde_json::Value;

use super::model::{Column, JsonPath, Shape, View};
use super::{schema, sql_name};

/// The dialect that is nearest to ours: `JSON_EXTRACT`, `JSON_EACH`.
const DIALECT: &str = "sqlite3";

/// The views of a resource in the order in which they are tried. Those of another dialect count where there are no others.
pub(super) fn read(resource: &Value) -> Vec<View> {
    let (mut own, mut foreign) = (Vec::new(), Vec::new());
    let mut next = resource.pointer("/config/views/select");
    while let Some(value) = next {
        let predicate = value.get("predicate").and_then(Value::as_str).unwrap_or_default();
        if let Some(sql) = value.get("ddl").and_then(Value::as_str) {
            let sql = sql.trim().trim_end_matches(';').to_owned();
            let view = View { needs: needs(predicate), sql };
            match dialect(predicate) {
                None | Some(DIALECT) => own.push(view),
                Some(_) => foreign.push(view),
            }
        }
        next = value.get("fallback");
    }
    if own.is_empty() { foreign } else { own }
}

fn operand<'a>(predicate: &'a str, name: &str, (open, close): (char, char)) -> Option<&'a str> {
    let behind = predicate.split_once(name)?.1.trim_start().strip_prefix("==")?.trim_start().strip_prefix(open)?;
    Some(behind.split_once(close)?.0)
}

fn dialect(predicate: &str) -> Option<&str> {
    operand(predicate, "sqlDialect", ('"', '"'))
}

fn needs(predicate: &str) -> Vec<String> {
    let names = operand(predicate, "requiredParams", ('[', ']')).unwrap_or_default().split(',');
    names.map(|name| name.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The columns of a view as lists and completion name them: those that the document describes (`config.docs.fields`),
/// else the names that its SELECT gives. What they are is known once it is planned.
pub(super) fn columns(resource: &Value, views: &[View]) -> Vec<Column> {
    let described = resource.pointer("/config/docs/fields").and_then(Value::as_array);
    let mut columns: Vec<Column> = Vec::new();
    let told = described.into_iter().flatten().filter_map(|field| {
        let kind = field.get("type").and_then(Value::as_str).and_then(schema::kind_of).unwrap_or_default();
        Some(column(field.get("name")?.as_str()?, Shape { kind, ..Shape::default() }, schema::description(field)))
    });
    columns.extend(told);
    if columns.is_empty() {
        let names = views.iter().flat_map(|view| outputs(&view.sql));
        columns.extend(names.map(|name| column(name, Shape::default(), String::new())));
    }
    let mut known: Vec<String> = Vec::new();
    columns.retain(|column| {
        let is_new = !known.contains(&column.name);
        known.push(column.name.clone());
        is_new
    });
    columns
}

fn column(wire: &str, shape: Shape, description: String) -> Column {
    Column {
        name: sql_name(wire),
        wire: wire.to_owned(),
        paths: vec![JsonPath(vec![wire.to_owned()])],
        shape: Shape { nullable: true, ..shape },
        description,
        hidden: false,
        only_by_key: false,
    }
}

/// The names of the items of a SELECT: the word behind AS, or the last of a name with dots.
fn outputs(sql: &str) -> Vec<&str> {
    let (mut items, mut depth, mut quoted, mut start) = (Vec::new(), 0, false, None);
    for (at, c) in sql.char_indices() {
        let rest = &sql[at..];
        let is_word = |word: &str| {
            rest.get(..word.len()).is_some_and(|r| r.eq_ignore_ascii_case(word))
                && rest[word.len()..].starts_with(char::is_whitespace)
                && sql[..at].chars().next_back().is_none_or(char::is_whitespace)
        };
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                if let Some(start) = start.replace(at + 1) {
                    items.push(&sql[start..at]);
                }
            }
            _ if !quoted && depth == 0 && start.is_none() && is_word("select") => start = Some(at + "select".len()),
            _ if !quoted && depth == 0 && is_word("from") => {
                items.extend(start.map(|start| &sql[start..at]));
                break;
            }
            _ => {}
        }
    }
    let name = |item: &'_ str| item.trim().rfind(|c: char| c.is_whitespace() || c == '.').map_or(0, |at| at + 1);
    let names = items.into_iter().map(|item| item.trim()[name(item)..].trim_matches('"'));
    names.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_alternatives_of_the_dialect_are_views_and_those_of_others_where_there_are_none() {
        let of = |select: Value| -> Vec<(String, String)> {
            let views = read(&json!({"config": {"views": {"select": select}}}));
            views.into_iter().map(|view| (view.needs.join(" "), view.sql)).collect()
        };
        let pair = |needs: &str, sql: &str| (needs.to_owned(), sql.to_owned());
        assert_eq!(
            of(
                json!({"predicate": "sqlDialect == \"sqlite3\" && requiredParams == [ Id, \"Region\" ]", "ddl": "SELECT 1; ",
                "fallback": {"predicate": "sqlDialect == \"postgres\"", "ddl": "SELECT 2",
                    "fallback": {"ddl": "SELECT 3"}}})
            ),
            [pair("Id Region", "SELECT 1"), pair("", "SELECT 3")]
        );
        assert_eq!(of(json!({"predicate": "sqlDialect==\"postgres\"", "ddl": "SELECT 2"})), [pair("", "SELECT 2")]);
        assert_eq!(read(&json!({})), []);
    }

    #[test]
    fn the_names_of_a_select_are_found_without_parsing_it() {
        for (sql, names) in [
            ("SELECT a, t.b, json_extract(x, '$.c,d from') AS c, \"e\" FROM t", "a b c e"),
            ("select\nregion,\nsplit_part(x, '|', 1) as \"from_x\"\nfrom a.b.c where d = 1", "region from_x"),
            ("SELECT * FROM t", ""),
            ("SELECT CASE WHEN a THEN 'x, y' ELSE (SELECT 1 FROM u) END AS kind, z FROM t", "kind z"),
            ("nothing", ""),
        ] {
            assert_eq!(outputs(sql).join(" "), names, "{sql}");
        }
    }

    #[test]
    fn a_described_field_is_a_column_with_its_type() {
        let fields = json!({"config": {"docs": {"fields": [
            {"name": "userName", "type": "string", "description": "Who."}, {"name": "n", "type": "integer"}]}}});
        let columns = columns(&fields, &[]);
        let said: Vec<String> =
            columns.iter().map(|c| format!("{} {} {}", c.name, c.shape.kind.word(), c.description)).collect();
        assert_eq!(said, ["user_name string Who.", "n integer "]);
    }
}
