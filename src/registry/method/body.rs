//! The body that a method's request takes: its media type, its fields, and what StackQL's `request` and
//! `requestBodyTranslate` make of them. Must not know parameters or answers.

use serde_json::{Map, Value};

use super::place::Place;
use super::restates::{restated, single};
use crate::error::Result;
use crate::registry::model::{Body, Field, JsonPath, Kind, Nest, Shape, Xml};
use crate::registry::schema;
use crate::registry::template::Template;

/// Wire name and SQL name of a body that has no properties of its own: the whole of it.
const WHOLE: &str = "body";

/// The body, where the operation has one or `request` makes one.
pub(super) fn read_body(place: &mut Place<'_>) -> Result<Option<Body>> {
    let request = place.method.get("request").unwrap_or(&Value::Null);
    let described = place.operation.get("requestBody").map(|b| place.document.resolve(b)).transpose()?;
    let makes = ["base", "default", "schema_override", "transform"].iter().any(|key| request.get(*key).is_some());
    if described.is_none() && !makes {
        return Ok(None);
    }
    let content = described.and_then(|b| b.get("content")).and_then(Value::as_object);
    let wanted = request.get("mediaType").and_then(Value::as_str).filter(|w| !w.is_empty());
    let entry = content.and_then(|content| {
        let wanted = wanted.and_then(|w| content.get_key_value(w));
        // Of the ways to patch, a merge is what fields say.
        let usual = ["application/json", "application/merge-patch+json"];
        wanted
            .or_else(|| usual.iter().find_map(|media| content.get_key_value(*media)))
            .or_else(|| content.iter().next())
    });
    if entry.is_none() && !makes {
        return Ok(None);
    }
    let media_type = wanted.or(entry.map(|(name, _)| name.as_str()));
    // A range, such as */*, is nothing that can be sent.
    let media_type = media_type.filter(|media| !media.contains('*')).unwrap_or("application/json").to_owned();
    let empty = Value::Null;
    let told = entry.and_then(|(_, media)| media.get("schema")).unwrap_or(&empty);
    let outer = request.get("schema_override").unwrap_or(told);
    let nest = nest(place, outer);
    let path = JsonPath(nest.as_ref().map(|n| n.path.clone()).unwrap_or_default());
    let inner = schema::at_path(place.document, outer, &path).unwrap_or(&empty);
    let mut body = Body {
        required: described.is_some_and(|b| b.get("required") == Some(&Value::Bool(true))),
        base: base(place, request),
        default: request.get("default").filter(|d| !d.is_null()).map(|default| unquoted(text_of(default), &media_type)),
        xml: media_type.contains("xml").then(|| xml(place, request, outer)).transpose()?,
        fields: fields(place, inner)?,
        open: matches!(inner.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_))),
        nest,
        media_type,
        ..Body::default()
    };
    body.files = body.fields.iter().filter(|f| is_file(place, inner, &f.wire)).map(|f| f.wire.clone()).collect();
    for field in &mut body.fields {
        let asked = request.get("required").and_then(Value::as_array).into_iter().flatten();
        field.required |= asked.filter_map(Value::as_str).any(|name| name == field.wire || name == field.name);
        field.required &= !body.base.as_ref().is_some_and(|base| base.contains_key(&field.wire));
    }
    transform(place, &mut body, request);
    if body.fields.is_empty() {
        body.whole = true;
        body.open = true;
        body.fields = vec![whole(place, inner, &body)?];
    }
    Ok(Some(body))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// JSON that stands in quotes once too often: `"'{}'"`.
fn unquoted(text: String, media_type: &str) -> String {
    let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    let bare = text.trim().trim_matches('\'');
    if media_type.contains("json") && !is_json(&text) && is_json(bare) { bare.to_owned() } else { text }
}

/// `naive_<Path>`: the fields are those of the schema at that path, and stand there in the body.
fn nest(place: &Place<'_>, schema: &Value) -> Option<Nest> {
    let path = place.config.algorithm("requestBodyTranslate")?.strip_prefix("naive_")?;
    let path: Vec<String> = path.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    let there = schema::at_path(place.document, schema, &JsonPath(path.clone()));
    let text = there.is_some_and(|s| string_only(s) || s.get("type").and_then(Value::as_str) == Some("string"))
        || place.document.resolve(schema).is_ok_and(string_only);
    (!path.is_empty()).then_some(Nest { path, text })
}

fn string_only(schema: &Value) -> bool {
    schema.get("x-stackQL-stringOnly").is_some_and(|v| v == true || v == "true")
}

fn base(place: &mut Place<'_>, request: &Value) -> Option<Map<String, Value>> {
    let base = match request.get("base")? {
        Value::Null => return None,
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Object(base) = base else {
        place.cannot("its `request.base` is no JSON object".to_owned());
        return None;
    };
    Some(base)
}

/// The properties that a request may have. What is read only is none; two of one SQL name are told apart by the second's
/// wire name.
fn fields(place: &Place<'_>, inner: &Value) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    let all = schema::fields(place.document, inner, &format!("{}: body", place.here), 0)?;
    // A name that the API itself uses belongs to what it calls so.
    let exact: Vec<String> = all.iter().filter(|f| f.name == f.wire).map(|f| f.name.clone()).collect();
    for mut field in all {
        let property = schema::at_path(place.document, inner, &JsonPath(vec![field.wire.clone()]));
        let says = |key: &str| property.and_then(|p| p.get(key));
        if says("readOnly") == Some(&Value::Bool(true)) {
            continue;
        }
        if let Some(alias) = says("x-stackQL-alias").and_then(Value::as_str) {
            alias.clone_into(&mut field.name);
        }
        if property.is_some_and(string_only) {
            field.shape = Shape { kind: Kind::String, fields: Vec::new(), items: None, ..field.shape };
        }
        field.required |= says("x-alwaysRequired").is_some_and(|v| v == true || v == "true");
        let is_other = field.name != field.wire && exact.contains(&field.name);
        if is_other || fields.iter().any(|f| f.name == field.name) {
            field.wire.clone_into(&mut field.name);
        }
        fields.push(field);
    }
    Ok(fields)
}

fn is_file(place: &Place<'_>, inner: &Value, wire: &str) -> bool {
    let property = schema::at_path(place.document, inner, &JsonPath(vec![wire.to_owned()]));
    property.is_some_and(|p| p.get("format").and_then(Value::as_str) == Some("binary"))
}

/// A template that only restates the fields is not needed, and would drop `false` and 0.
fn transform(place: &mut Place<'_>, body: &mut Body, request: &Value) {
    let Some(text) = request.pointer("/transform/body").and_then(Value::as_str) else { return };
    let known = |key: &str| body.fields.iter().any(|f| f.wire == key);
    if let Some(field) = single(text)
        && known(&field)
        && !body.media_type.contains("json")
    {
        body.fields.retain(|f| f.wire == field);
        body.whole = true;
    } else if !restated(text).is_some_and(|keys| keys.iter().all(|key| known(key))) {
        match Template::parse(text) {
            Ok(_) => body.template = Some(text.to_owned()),
            Err(error) => place.cannot(format!("its `request.transform`: {}", error.message())),
        }
    }
}

/// The one field of a body without properties: an array, a map, a text.
fn whole(place: &Place<'_>, inner: &Value, body: &Body) -> Result<Field> {
    let mut shape = schema::shape(place.document, inner, &format!("{}: body", place.here))?;
    let structured = ["json", "xml", "form"].iter().any(|word| body.media_type.contains(word));
    if !structured || body.media_type.contains("ndjson") {
        shape = Shape { kind: Kind::String, ..Shape::default() };
    }
    Ok(Field {
        wire: WHOLE.to_owned(),
        name: WHOLE.to_owned(),
        required: body.required && body.base.is_none() && body.default.is_none(),
        shape,
        description: format!("The whole body, as {}.", body.media_type),
    })
}

fn xml(place: &Place<'_>, request: &Value, schema: &Value) -> Result<Xml> {
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let resolved = place.document.resolve(schema)?;
    let named = resolved.pointer("/xml/name").or_else(|| resolved.get("x-stackQL-alias")).and_then(Value::as_str);
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
    Ok(Xml {
        root: named.or(referred).unwrap_or("request").to_owned(),
        annotation: text("xmlRootAnnotation"),
        declaration: text("xmlDeclaration"),
        raw: !text("xmlTransform").is_empty(),
    })
}
