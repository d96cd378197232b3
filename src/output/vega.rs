//! A picture as Vega-Lite 5 describes it, with the rows in it: <https://vega.github.io/vega-lite/docs/spec.html>.
//! Owns the description around the rows, which are `json`'s. Does no I/O; rows are written as they come.

use std::fmt::Write as _;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::picture::{Picture, Suited, role, suited};
use super::{End, Layout, Options, Role, json, nested, text};
use crate::error::{Error, Result};

/// Begins a description. A result that nothing can be drawn of is refused with the first row, or at the end.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    Box::new(Vega { head: head(schema), rows: json::start_array(schema, options), begun: false })
}

struct Vega {
    /// What stands before the rows.
    head: Result<String>,
    rows: Box<dyn Layout>,
    begun: bool,
}

impl Vega {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let head = self.head.clone()?;
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(head.as_bytes());
        }
        Ok(())
    }
}

impl Layout for Vega {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.begin(out)?;
        self.rows.rows(batch, out)
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        // What failed before its first row is no picture.
        if end == End::Cut && !self.begun {
            return Ok(());
        }
        self.begin(out)?;
        self.rows.end(end, out)?;
        out.extend_from_slice(b"}}\n");
        Ok(())
    }
}

fn head(schema: &Schema) -> Result<String> {
    let Some(suited) = suited(schema) else { return Err(undrawable(schema)) };
    let names = nested::distinct_names(schema.fields());
    let channel = |index: usize, rest: &str| {
        let kind = match role(schema.field(index).data_type()) {
            Some(Role::Number) => "quantitative",
            Some(Role::Time) => "temporal",
            _ => "nominal",
        };
        let (field, title) = (string(&path(&names[index])), string(&names[index]));
        format!("{{\"field\":{field},\"type\":\"{kind}\",\"title\":{title}{rest}}}")
    };
    let Suited { picture, along, number, by } = suited;
    let (mark, mut encoding) = match (picture, along) {
        // The order of the rows is the order that was asked for.
        (Picture::Bars, Some(x)) => {
            ("bar", format!("\"x\":{},\"y\":{}", channel(x, ",\"sort\":null"), channel(number, "")))
        }
        (Picture::Line, Some(x)) => ("line", format!("\"x\":{},\"y\":{}", channel(x, ""), channel(number, ""))),
        _ => ("bar", format!("\"x\":{},\"y\":{{\"aggregate\":\"count\"}}", channel(number, ",\"bin\":true"))),
    };
    if let Some(by) = by {
        let _ = write!(encoding, ",\"color\":{}", channel(by, ""));
    }
    Ok(format!(
        "{{\"$schema\":\"https://vega.github.io/schema/vega-lite/v5.json\",\n\"width\":\"container\",\n\
         \"mark\":{{\"type\":\"{mark}\",\"tooltip\":true}},\n\"encoding\":{{{encoding}}},\n\"data\":{{\"values\":"
    ))
}

/// The name of a column as Vega-Lite names a field, where dots and brackets lead into objects.
fn path(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '.' | '[' | ']' | '\\' | '\'' | '"') {
            path.push('\\');
        }
        path.push(character);
    }
    path
}

fn string(text: &str) -> String {
    let mut out = Vec::new();
    text::json_string(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn undrawable(schema: &Schema) -> Error {
    let category = schema.fields().iter().find(|field| role(field.data_type()) == Some(Role::Category));
    let error = Error::statement("no column of the result is a number, so vega has nothing to draw");
    match category {
        Some(field) => {
            error.hint(format!("count something: SELECT {0}, count(*) AS n FROM .. GROUP BY {0}", field.name()))
        }
        None => error.hint("select a number, and a category or a time to draw it by"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
    use serde_json::{Value, json};

    use super::super::tests::{batch, printed};
    use super::super::{Flow, Format, Printer};
    use super::*;

    fn spec(columns: Vec<(&str, ArrayRef)>) -> Value {
        serde_json::from_str(&printed(&Options::new(Format::Vega), &batch(columns))).unwrap()
    }

    fn numbers() -> ArrayRef {
        Arc::new(Int64Array::from(vec![9_007_199_254_740_993, 2]))
    }

    fn names() -> ArrayRef {
        Arc::new(StringArray::from(vec!["</script>", "b"]))
    }

    #[test]
    fn the_picture_follows_the_columns() {
        let bars = spec(vec![("a.b", names()), ("n", numbers())]);
        assert_eq!(bars["mark"]["type"], "bar");
        assert_eq!(bars["encoding"]["x"], json!({"field": "a\\.b", "type": "nominal", "title": "a.b", "sort": null}));
        assert_eq!(bars["data"]["values"][0], json!({"a.b": "</script>", "n": 9_007_199_254_740_993_i64}));
        let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0, 1]).with_timezone("UTC"));
        let line = spec(vec![("n", numbers()), ("by", names()), ("at", times)]);
        assert_eq!((&line["mark"]["type"], &line["encoding"]["x"]["type"]), (&json!("line"), &json!("temporal")));
        assert_eq!(line["encoding"]["color"]["field"], "by");
        assert_eq!(line["data"]["values"][0]["at"], "1970-01-01T00:00:00Z");
        let alone = spec(vec![("n", numbers())]);
        assert_eq!(
            (&alone["encoding"]["x"]["bin"], &alone["encoding"]["y"]),
            (&json!(true), &json!({"aggregate": "count"}))
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_and_nothing_is_written() {
        let rows = batch(vec![("name", names())]);
        for count in [0, 2] {
            let mut out = Vec::new();
            let mut printer = Printer::new(&Options::new(Format::Vega), &rows.schema(), &mut out);
            let written = printer.write(&rows.slice(0, count));
            let error = if count == 0 {
                assert_eq!(written.unwrap(), Flow::More);
                printer.finish().unwrap_err()
            } else {
                printer.abort();
                written.unwrap_err()
            };
            assert!(error.hint_text().unwrap().contains("SELECT name, count(*)"), "{error}");
            assert!(out.is_empty());
        }
    }
}
