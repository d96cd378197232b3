//! A page for a browser that needs nothing but itself: the rows of each result in a table that sorts and filters, and a
//! picture where one suits.
//! Owns the page around the rows and what is escaped. Does no I/O; rows are written as they come, and of them only what
//! the picture needs is kept, which is bounded.
//!
//! No value can become more than text: everything is escaped, and the page's own policy lets no other script run and
//! nothing be fetched. The ends of the page are left out, as HTML allows, so that a further result can follow.

mod svg;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use serde_json::value::RawValue;

use self::svg::Sketch;
use super::value::{self, Value};
use super::{End, Layout, Options, Role, picture, text};
use crate::error::Result;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// The script that the page lets run, by what it is: the SHA-256 of `page.js` in Base64.
const SCRIPT_HASH: &str = "WQLEf37S6lwZ3iryBfKJOxr3JcE1pc2ddm6abEtdBSE=";
/// JSON that is longer is folded.
const FOLDED: usize = 60;
/// Deeper parts of JSON stand no further to the right.
const DEEPEST: usize = 20;

/// Begins a result, and the page if it is the first on it.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    let sketch = picture::suited(schema).and_then(|suited| Sketch::new(suited, schema));
    Box::new(Page { schema: schema.clone(), options: options.clone(), begun: false, sketch })
}

struct Page {
    schema: SchemaRef,
    options: Options,
    begun: bool,
    sketch: Option<Sketch>,
}

impl Page {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        if self.options.before == 0 {
            out.extend_from_slice(
                format!(
                    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                     <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
                     style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'\">\n\
                     <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                     <meta name=\"color-scheme\" content=\"light dark\">\n\
                     <title>Result</title>\n<style>\n{STYLE}</style>\n<script>{SCRIPT}</script>\n</head>\n<body>\n"
                )
                .as_bytes(),
            );
        }
        out.extend_from_slice(b"<section>\n<div class=\"rows\"><table>\n<thead><tr>");
        for field in self.schema.fields() {
            let kind = kind(field.data_type());
            out.extend_from_slice(format!("<th scope=\"col\" class=\"{kind}\" data-k=\"{kind}\">").as_bytes());
            escape(out, field.name());
            out.extend_from_slice(b"</th>");
        }
        out.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    }

    fn cell(&self, out: &mut Vec<u8>, (index, value): (usize, &Value<'_>)) {
        let mut plain = Vec::new();
        text::plain(&mut plain, value);
        let plain = String::from_utf8_lossy(&plain);
        match value {
            Value::Null => {
                let kind = kind(self.schema.field(index).data_type());
                out.extend_from_slice(format!("<td class=\"x {kind}\">").as_bytes());
                escape(out, self.options.null());
            }
            Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Float32(_)
            | Value::Decimal(..)
            | Value::WideDecimal(..) => {
                out.extend_from_slice(b"<td class=\"n\">");
                escape(out, &plain);
            }
            Value::Moment(_) => {
                out.extend_from_slice(b"<td class=\"t\">");
                escape(out, &plain);
            }
            Value::Json(_) | Value::List(_) | Value::Struct(_) | Value::Map(_) => {
                out.extend_from_slice(b"<td>");
                json(out, &plain);
            }
            _ => {
                out.extend_from_slice(b"<td>");
                escape(out, &plain);
            }
        }
        out.extend_from_slice(b"</td>");
    }
}

impl Layout for Page {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = self.schema.clone();
        let columns = value::columns(&schema, batch)?;
        self.begin(out);
        for row in 0..batch.num_rows() {
            out.extend_from_slice(b"<tr>");
            for (index, column) in columns.iter().enumerate() {
                self.cell(out, (index, &column.value(row)));
            }
            out.extend_from_slice(b"</tr>\n");
            let sketch = self.sketch.take();
            self.sketch = sketch.and_then(|sketch| sketch.add(|index| columns[index].value(row)));
        }
        Ok(())
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        if end == End::Cut && !self.begun {
            return Ok(());
        }
        self.begin(out);
        out.extend_from_slice(b"</tbody>\n</table></div>\n");
        if end == End::Cut {
            out.extend_from_slice(b"<p class=\"none\">The rest is missing: the statement failed.</p>\n");
        } else if let Some(sketch) = self.sketch.take() {
            sketch.draw(out);
        }
        out.extend_from_slice(b"</section>\n");
        Ok(())
    }
}

/// How the values of a column are sorted: as numbers, as times, as texts.
fn kind(data_type: &DataType) -> &'static str {
    match picture::role(data_type) {
        Some(Role::Number) => "n",
        Some(Role::Time) => "t",
        _ => "s",
    }
}

/// JSON as it is when it is short; folded, and one part a line, when it is long.
fn json(out: &mut Vec<u8>, json: &str) {
    if json.len() <= FOLDED || serde_json::from_str::<&RawValue>(json).is_err() {
        out.extend_from_slice(b"<code>");
        escape(out, json);
        out.extend_from_slice(b"</code>");
        return;
    }
    let begin: String = json.chars().take(FOLDED - 20).collect();
    out.extend_from_slice(b"<details><summary><code>");
    escape(out, &begin);
    out.extend_from_slice("…</code></summary><pre>".as_bytes());
    escape(out, &indented(json));
    out.extend_from_slice(b"</pre></details>");
}

/// Valid JSON with a part a line; its tokens are as they were, so that numbers keep their digits.
fn indented(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let new_line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n("  ", depth.min(DEEPEST)));
    };
    for character in json.chars() {
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
            shown.push(character);
            continue;
        }
        match character {
            '{' | '[' => {
                depth += 1;
                shown.push(character);
                new_line(&mut shown, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                // Nothing within: the brackets stay together.
                if shown.trim_end().ends_with(if character == '}' { '{' } else { '[' }) {
                    shown.truncate(shown.trim_end().len());
                } else {
                    new_line(&mut shown, depth);
                }
                shown.push(character);
            }
            ',' => {
                shown.push(',');
                new_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            blank if blank.is_whitespace() => {}
            other => {
                in_text = other == '"';
                shown.push(other);
            }
        }
    }
    shown
}

/// `text` as text of the page or of an attribute. What turns the direction of reading or is no character of HTML is shown as an
/// escape; line breaks and tabs stay.
fn escape(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&#39;"),
            '\n' | '\t' => out.push(character as u8),
            other => {
                let mut bytes = [0; 4];
                out.extend_from_slice(super::escaped(other.encode_utf8(&mut bytes)).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
    use arrow::datatypes::{Field, Schema};

    use super::super::tests::{batch, numbers, printed};
    use super::super::{Format, Options, Printer};
    use super::*;

    const HOSTILE: &str = "</script></td><img src=x onerror=alert(1)>\"'&\u{202e}\u{0}";

    fn page(rows: &RecordBatch) -> String {
        printed(&Options::new(Format::Html), rows)
    }

    /// What stands behind the page's own script and style.
    fn body(page: &str) -> &str {
        page.split_once("<body>").unwrap().1
    }

    #[test]
    fn a_hostile_value_is_text_wherever_it_stands() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![HOSTILE, "b"]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let nested = format!("{{\"{}\": [1, 2.50, \"{}\"]}}", "k".repeat(60), "</pre><img src=x onerror=alert(1)>");
        let json = Field::new("j", DataType::Utf8, true)
            .with_metadata(HashMap::from([("weir.json".to_owned(), "object".to_owned())]));
        let fields = vec![Field::new(HOSTILE, DataType::Utf8, true), Field::new("n", DataType::Int64, true), json];
        let objects: ArrayRef = Arc::new(StringArray::from(vec![nested.as_str(), "{}"]));
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![text, numbers, objects]).unwrap();
        let page = page(&rows);
        let body = body(&page);
        assert!(!body.contains("<img") && !body.contains("</script") && !body.contains("onerror=alert(1)>"), "{body}");
        assert!(!body.contains(['\u{202e}', '\u{0}']), "{body}");
        // In the head, the cell, and twice in the picture.
        assert_eq!(body.matches("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;").count(), 4, "{body}");
        assert!(body.contains("<details>") && body.contains("\n    2.50,\n"), "{body}");
    }

    #[test]
    fn a_picture_stands_where_it_suits() {
        let categories = |names: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(names)) };
        let counts = |count: i64| -> ArrayRef { Arc::new((0..count).collect::<Int64Array>()) };
        let has = |columns: Vec<(&str, ArrayRef)>| page(&batch(columns)).contains("<svg");
        assert!(has(vec![("status", categories(vec!["a", "b"])), ("n", counts(2))]));
        assert!(!has(vec![("status", categories(vec!["a", "a"])), ("n", counts(2))]), "a category that comes again");
        assert!(!has(vec![("name", categories(vec!["a", "b"])), ("id", counts(2))]), "a key is no number");
        assert!(!has(vec![("name", categories(vec!["a", "b"]))]));
        let times: ArrayRef =
            Arc::new(TimestampNanosecondArray::from_iter_values((0..10_000).map(|n| n * 1_000_000_000)));
        let many = page(&batch(vec![("at", times), ("n", counts(10_000))]));
        assert!(many.contains("<polyline") && many.contains("One of 4 rows is drawn."));
        assert_eq!(many.matches("<tr>").count(), 10_001);
    }

    #[test]
    fn results_share_a_page_and_an_empty_one_has_its_header() {
        let second = Options { before: 1, ..Options::new(Format::Html) };
        let text = printed(&second, &numbers(0));
        assert!(text.starts_with("<section>") && text.contains("data-k=\"n\">n</th>"), "{text}");
        let first = page(&numbers(1));
        assert!(first.starts_with("<!doctype html>") && first.ends_with("</section>\n"));
    }

    #[test]
    fn what_failed_says_so() {
        let rows = numbers(2);
        let mut out = Vec::new();
        let mut printer = Printer::new(&Options::new(Format::Html), &rows.schema(), &mut out);
        let _ = printer.write(&rows).unwrap();
        printer.abort();
        assert!(String::from_utf8(out).unwrap().contains("The rest is missing"));
    }

    #[test]
    fn json_is_shown_with_the_tokens_it_has() {
        for (json, expected) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            (
                r#"{"a":[1.10,{"b":"{,:\"}"}],"c":{}}"#,
                "{\n  \"a\": [\n    1.10,\n    {\n      \"b\": \"{,:\\\"}\"\n    }\n  ],\n  \"c\": {}\n}",
            ),
        ] {
            assert_eq!(indented(json), expected);
        }
        assert!(indented(&"[".repeat(1000)).len() < 50_000);
    }
}
