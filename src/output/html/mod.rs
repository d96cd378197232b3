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

    fn cell(&self, out: &mut Vec<u8>, value: &Value<'_>) {
        let mut plain = Vec::new();
        text::plain(&mut plain, value);
        let plain = String::from_utf8_lossy(&plain);
        match value {
            Value::Null => {
                out.extend_from_slice(b"<td class=\"x\">");
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
            for column in &columns {
                self.cell(out, &column.value(row));
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
