//! An answer's body through its [`Reshape`] steps: text in, JSON text out. The one place where templates, XML and paths
//! with indexes come to answers. Pure; knows nothing of HTTP.

mod entries;
mod pick;
mod schema_xml;

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

pub use self::pick::Pick;
use super::model::{Answer, Reshape, TemplateInput};
use super::template::Template;
use super::xml;
use crate::error::{Error, Kind, Result};

impl Answer {
    /// The JSON that the rows are read from; `None` where the answer's own body is that already. Without content it is
    /// `null`.
    ///
    /// # Errors
    /// [`Kind::Api`] when the body is not what the document says. It is not quoted, as it may hold secrets.
    pub fn reshaped(&self, body: &[u8]) -> Result<Option<String>> {
        let mut text: Option<String> = None;
        for step in &self.reshape {
            let input = text.as_deref().map_or(body, str::as_bytes);
            let made = run(step, input)?;
            text = Some(if made.trim().is_empty() { "null".to_owned() } else { made });
        }
        Ok(text)
    }

    /// The body as JSON, before any of the steps: what totals and cursors are read from. XML is turned into JSON, without
    /// its envelopes where those are looked through for the rows too; and what is neither has none.
    pub fn figures(&self, body: &[u8]) -> Option<String> {
        match self.reshape.first() {
            Some(Reshape::SchemaXml { unwraps, .. }) => {
                let root = xml::parse(&text_of(body)).ok()?;
                let inner = xml::to_json(&root, xml::Cast::WhereExact);
                Some(schema_xml::payload(&inner, *unwraps).to_string())
            }
            Some(Reshape::Template { input: TemplateInput::Xml, .. } | Reshape::Nodes(_)) => {
                tree(body).ok().map(|value| value.to_string())
            }
            _ => serde_json::from_slice::<&RawValue>(unmarked(body)).ok().map(|v| v.get().to_owned()),
        }
    }
}

fn run(step: &Reshape, body: &[u8]) -> Result<String> {
    match step {
        Reshape::Template { input, text } => templated(*input, text, body),
        Reshape::SchemaXml { list, unwraps, fields } => {
            let root = xml::parse(&text_of(body)).map_err(unfit)?;
            Ok(schema_xml::rows(&xml::to_json(&root, xml::Cast::Never), (list, *unwraps), fields).to_string())
        }
        Reshape::Nodes(path) => nodes(path.as_deref(), body),
        Reshape::Text => Ok(Value::String(raw(body)).to_string()),
        Reshape::Pick(path) => {
            let value = json(body)?;
            Ok(Pick::parse(path).map_err(Error::document)?.rows(&value).to_string())
        }
        Reshape::Entries { at, key } => {
            let value = json(body)?;
            let found = Pick::parse(at).map_err(Error::document)?;
            Ok(entries::rows(found.first(&value), key).to_string())
        }
    }
}

fn templated(input: TemplateInput, text: &str, body: &[u8]) -> Result<String> {
    let template = Template::parse(text)?;
    match input {
        TemplateInput::Text => template.render(&Value::String(text_of(body).into_owned())),
        TemplateInput::Xml => template.render(&tree(body)?),
        TemplateInput::Json => {
            let mut out = String::new();
            for value in serde_json::Deserializer::from_slice(unmarked(body)).into_iter::<Value>() {
                let value = value.map_err(|e| not_json(&e))?;
                if !value.is_null() {
                    out.push_str(&template.render(&value)?);
                }
            }
            Ok(out)
        }
    }
}

/// XML as one JSON object: its only key is the outermost element.
fn tree(body: &[u8]) -> Result<Value> {
    let text = text_of(body);
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let root = xml::parse(&text).map_err(unfit)?;
    let inner = xml::to_json(&root, xml::Cast::WhereExact);
    Ok(Value::Object([(root.name, inner)].into_iter().collect()))
}

fn nodes(path: Option<&str>, body: &[u8]) -> Result<String> {
    let text = text_of(body);
    let root = xml::parse(&text).map_err(unfit)?;
    let Some(path) = path else { return Ok(xml::to_json(&root, xml::Cast::Never).to_string()) };
    let path = xml::Path::parse(path).map_err(Error::document)?;
    let rows = path.find(&root).into_iter().map(|found| match found {
        xml::Found::Element(element) => xml::to_json(element, xml::Cast::Never),
        xml::Found::Text(text) => Value::String(text),
    });
    Ok(Value::Array(rows.collect()).to_string())
}

fn json(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(unmarked(body)).map_err(|e| not_json(&e))
}

fn not_json(error: &serde_json::Error) -> Error {
    unfit(format!("the answer is not JSON (line {}, column {})", error.line(), error.column()))
}

fn unfit(what: String) -> Error {
    Error::new(Kind::Api, what).hint("the document says what the answer should be; the API may have changed")
}

fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

fn text_of(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(unmarked(body))
}

/// A body as text; one that is none, in base64.
fn raw(body: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if let Ok(text) = std::str::from_utf8(unmarked(body)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(body.len().div_ceil(3) * 4);
    for three in body.chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * place) & 63]);
            out.push(if place > three.len() { '=' } else { digit });
        }
    }
    out
}

#[cfg(test)]
mod tests;
