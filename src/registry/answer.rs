//! What a method answers: media type, where its rows stand, what makes JSON of them, and their columns. Owns `response`
//! of a method; schemas are `schema`'s, and the steps are run by `reshape`.

use serde_json::{Map, Value};

use super::document::Document;
use super::model::{Answer, Column, JsonPath, Kind, Reshape, Shape, TemplateInput};
use super::reshape::Pick;
use super::schema;
use super::template::Template;
use super::weir_keys::MethodKeys;
use super::xml;
use crate::error::{Error, Result};

/// The name of a column of rows that are no objects. StackQL's word.
const ANONYMOUS: &str = "column_anon";

/// Reads `response` of a method, and the answers of its operation.
pub fn read(document: &Document, method: &Value, operation: &Value, keys: &MethodKeys, here: &str) -> Result<Answer> {
    let place = format!("{here}: answer");
    let said = method.get("response").unwrap_or(&Value::Null);
    let text = |key: &str| said.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (media_type, media) = media(document, operation, said)?;
    let overridden = said.pointer("/schema_override").map(|s| document.resolve(s)).transpose()?;
    let schema = overridden.or_else(|| media.and_then(|m| m.get("schema")));
    let transform = transform(document, said, &place)?;
    let decoded = if transform.is_some() { text("overrideMediaType").unwrap_or("json") } else { &media_type };
    let mut answer = Answer { media_type: media_type.clone(), ..Answer::default() };
    let is_xml = decoded.contains("xml") && transform.is_none();
    let mut found = Place { paths: Vec::new(), row: schema.and_then(|s| document.resolve(s).ok()), steps: Vec::new() };
    match text("objectKey").filter(|key| key.starts_with('/')) {
        Some(xpath) => found.nodes(document, xpath, &place)?,
        None => found.json(document, (text("objectKey"), keys), &place)?,
    }
    if is_xml && !found.steps.iter().any(|step| matches!(step, Reshape::Nodes(_))) {
        found.steps.insert(0, Reshape::Nodes(None));
        let inner = found.paths.iter().filter(|p| p.0.len() > 1).map(|p| JsonPath(p.0[1..].to_vec()));
        let inner: Vec<JsonPath> = inner.collect();
        found.paths.extend(inner);
    }
    let gets = method.pointer("/operation/$ref").and_then(Value::as_str).is_some_and(|r| r.ends_with("/get"));
    if let Some(row) = found.row {
        let wildcard = found.steps.iter().any(|step| matches!(step, Reshape::Pick(path) if path.contains('*')));
        answer.many = schema::items(document, row).is_some() || wildcard;
        let row = schema::items(document, row).unwrap_or(row);
        answer.columns = columns(document, row, (is_xml, said), &place)?;
        let map = schema::map_of(document, row).filter(|_| answer.columns.is_empty() && !answer.many && gets);
        match map {
            Some(values) => found.entries(document, &mut answer, values, &place)?,
            None if answer.columns.is_empty() => answer.columns.extend(anonymous(document, row, &place)?),
            None => {}
        }
    }
    let is_text = transform.is_none() && !is_xml && is_text(document, decoded, schema);
    if is_text {
        found.steps.insert(0, Reshape::Text);
        let shape = Shape { nullable: true, ..Shape::default() };
        answer.columns = vec![whole(ANONYMOUS, shape, schema.map(schema::description).unwrap_or_default())];
        found.paths = vec![JsonPath::default()];
    }
    answer.reshape = transform.into_iter().map(|t| t.step(text("objectKey"), &answer.columns)).collect();
    answer.reshape.append(&mut found.steps);
    answer.rows = found.paths;
    answer.may_lack_rows = method.get("x-weir").is_none() && text("objectKey").is_some();
    if let Some(schema) = schema
        && answer.rows.iter().all(|path| !path.0.is_empty())
    {
        answer.envelope = schema::columns(document, schema, &place)?;
    }
    Ok(answer)
}

/// The schema of the whole answer of a method, as its operation has it.
pub fn envelope<'d>(document: &'d Document, method: &Value, operation: &'d Value) -> Option<&'d Value> {
    let said = method.get("response").unwrap_or(&Value::Null);
    media(document, operation, said).ok()?.1?.get("schema")
}

/// Where the rows are, as it becomes known.
struct Place<'d> {
    paths: Vec<JsonPath>,
    /// The schema there.
    row: Option<&'d Value>,
    steps: Vec<Reshape>,
}

impl<'d> Place<'d> {
    /// `x-weir.rows` first, then `response.objectKey`; `$` where neither is there.
    fn json(&mut self, document: &'d Document, (key, keys): (Option<&str>, &MethodKeys), place: &str) -> Result<()> {
        for text in &keys.rows {
            self.paths.push(super::method::path(text, place)?);
        }
        let pick = key.map(Pick::parse).transpose().map_err(|e| Error::document(format!("{place}: {e}")))?;
        if let Some(pick) = pick {
            match pick.keys() {
                Some(keys) => self.paths.push(JsonPath(keys)),
                None if self.paths.is_empty() => {
                    self.picked(document, key.unwrap_or_default(), &pick);
                    return Ok(());
                }
                None => {}
            }
        }
        if self.paths.is_empty() {
            self.paths.push(JsonPath::default());
        }
        let mut seen: Vec<JsonPath> = Vec::new();
        for path in std::mem::take(&mut self.paths) {
            if !seen.contains(&path) {
                seen.push(path);
            }
        }
        self.paths = seen;
        let outer = self.row;
        self.row = outer.and_then(|s| self.paths.iter().find_map(|path| schema::at_path(document, s, path)));
        // A key of what the document itself calls an array: the array is meant, should the key not be there.
        if let Some(array) = outer.filter(|s| self.row.is_none() && keys.rows.is_empty() && is_array(document, s)) {
            self.paths.push(JsonPath::default());
            self.row = Some(array);
        }
        Ok(())
    }

    /// A path with indexes or wildcards: its values become the whole.
    fn picked(&mut self, document: &'d Document, text: &str, pick: &Pick) {
        self.paths.push(JsonPath::default());
        // `$.*` of a map: its keys are part of the rows.
        let base = pick.ends_in_all();
        let is_map = |base: &Pick| {
            let at = self.row.and_then(|s| base.schema(document, s))?;
            schema::items(document, at).is_none().then(|| schema::map_of(document, at).map(|_| at))?
        };
        if let Some(at) = base.as_ref().and_then(is_map) {
            self.steps.push(Reshape::Pick(text.trim_end_matches("[*]").trim_end_matches(".*").to_owned()));
            self.row = Some(at);
            return;
        }
        self.steps.push(Reshape::Pick(text.to_owned()));
        self.row = self.row.and_then(|s| pick.schema(document, s));
    }

    /// An `XPath`: the schema is followed by the names of its steps, from the outermost element on.
    fn nodes(&mut self, document: &'d Document, xpath: &str, place: &str) -> Result<()> {
        xml::Path::parse(xpath).map_err(|e| Error::document(format!("{place}: objectKey: {e}")))?;
        self.steps.push(Reshape::Nodes(Some(xpath.to_owned())));
        self.paths = vec![JsonPath::default()];
        let names = xpath.split('/').filter(|name| !name.is_empty()).skip(1);
        self.row = self.row.map(|schema| {
            names.fold(schema, |at, name| {
                let inner = schema::items(document, at);
                let of = |at| schema::property(document, at, name, 0);
                of(at).or_else(|| inner.and_then(of)).or(inner).unwrap_or(at)
            })
        });
        Ok(())
    }

    /// The rows are the entries of a map, whose values have the schema `values`.
    fn entries(&mut self, document: &Document, answer: &mut Answer, values: &Value, place: &str) -> Result<()> {
        let mut columns = schema::columns(document, values, place)?;
        if columns.is_empty() {
            let shape = schema::shape(document, values, place)?;
            columns
                .push(Column { paths: vec![key_path("value")], ..whole("value", shape, schema::description(values)) });
        }
        let taken = columns.iter().any(|c| c.wire == "key" || c.name == "key");
        let key = if taken { "map_key" } else { "key" };
        let text = "The key that the row has in the API's answer.".to_owned();
        let column = Column { paths: vec![key_path(key)], ..whole(key, Shape::default(), text) };
        columns.insert(0, column);
        let at = self.paths.first().cloned().unwrap_or_default().to_string();
        self.steps.push(Reshape::Entries { at, key: key.to_owned() });
        self.paths = vec![JsonPath::default()];
        (answer.columns, answer.many) = (columns, true);
        Ok(())
    }
}

fn is_array(document: &Document, schema: &Value) -> bool {
    document.resolve(schema).is_ok_and(|s| s.get("type").and_then(Value::as_str) == Some("array"))
}

fn key_path(key: &str) -> JsonPath {
    JsonPath(vec![key.to_owned()])
}

/// A column whose value is the whole row.
fn whole(name: &str, shape: Shape, description: String) -> Column {
    let (name, wire) = (name.to_owned(), if name == ANONYMOUS { "value" } else { name }.to_owned());
    Column { name, wire, paths: vec![JsonPath::default()], shape, description, hidden: false, only_by_key: false }
}

/// The column of rows whose fields no document names.
pub fn free_form() -> Column {
    let shape = Shape { kind: Kind::Any, nullable: true, ..Shape::default() };
    whole(ANONYMOUS, shape, "The row's JSON: no document names its fields.".to_owned())
}

/// Rows that are no objects (a list of names, or of lists) have one column.
fn anonymous(document: &Document, row: &Value, place: &str) -> Result<Option<Column>> {
    let shape = schema::shape(document, row, place)?;
    let is_one = !shape.kind.is_json() || shape.kind == Kind::Array;
    Ok(is_one.then(|| whole(ANONYMOUS, shape, schema::description(row))))
}

/// The columns of a row, under the names that `projection_map` gives them.
fn columns(document: &Document, row: &Value, (is_xml, said): (bool, &Value), place: &str) -> Result<Vec<Column>> {
    let mut columns = schema::columns(document, row, place)?;
    let renamed = said.get("projection_map").and_then(Value::as_object);
    for column in &mut columns {
        for (one, other) in renamed.into_iter().flatten() {
            match other.as_str() {
                Some(name) if *one == column.wire => name.clone_into(&mut column.name),
                Some(wire) if wire == column.wire => one.clone_into(&mut column.name),
                _ => {}
            }
        }
        if !is_xml {
            continue;
        }
        let xml = schema::property(document, row, &column.wire, 0).and_then(|p| p.get("xml"));
        let name = xml.and_then(|x| x.get("name")).and_then(Value::as_str).unwrap_or(&column.wire);
        let is_attribute = xml.and_then(|x| x.get("attribute")) == Some(&Value::Bool(true));
        let path = key_path(&if is_attribute { format!("-{name}") } else { name.to_owned() });
        if !column.paths.contains(&path) {
            column.paths.insert(0, path);
        }
    }
    Ok(columns)
}

/// The media type that is asked for, and what the operation says of it.
fn media<'d>(document: &'d Document, operation: &'d Value, said: &Value) -> Result<(String, Option<&'d Value>)> {
    let key = said.get("openAPIDocKey").map(|k| k.as_str().map_or_else(|| k.to_string(), str::to_owned));
    let wanted = said.get("mediaType").and_then(Value::as_str).filter(|text| !text.is_empty());
    let responses = operation.get("responses").and_then(Value::as_object);
    let response = responses.and_then(|all| response(all, key.as_deref()));
    let content = response.map(|r| document.resolve(r)).transpose()?.and_then(|r| r.get("content")?.as_object());
    let asked = |name: &str| wanted.is_some_and(|w| bare(w) == bare(name));
    let json = |name: &str| name.contains("json");
    let mut entries = content.into_iter().flatten();
    let find = |fits: &dyn Fn(&str) -> bool| content.and_then(|all| all.iter().find(|(name, _)| fits(name)));
    let chosen = find(&asked).or_else(|| find(&json)).or_else(|| entries.next());
    let named = chosen.map(|(name, _)| name.as_str()).filter(|name| !name.contains('*'));
    let media_type = wanted.or(named).unwrap_or("application/json").to_owned();
    Ok((media_type, chosen.map(|(_, media)| media)))
}

/// A media type without its parameters.
fn bare(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The answer that a key names; else that of a success.
fn response<'d>(responses: &'d Map<String, Value>, key: Option<&str>) -> Option<&'d Value> {
    let class = key.and_then(|k| k.get(..1)).unwrap_or("2").to_owned();
    let of_class = |code: &str| code.eq_ignore_ascii_case(&format!("{class}XX"));
    let find = |fits: &dyn Fn(&str) -> bool| responses.iter().find(|(code, _)| fits(code)).map(|(_, r)| r);
    key.and_then(|key| responses.get(key))
        .or_else(|| find(&of_class))
        .or_else(|| find(&|code| code.starts_with('2')))
        .or_else(|| responses.get("default").filter(|_| key.is_some()))
}

/// Whether it is text that is one row: neither JSON nor a schema that has more to say.
fn is_text(document: &Document, media_type: &str, schema: Option<&Value>) -> bool {
    if media_type.is_empty() || media_type.contains("json") {
        return false;
    }
    let kind = schema.and_then(|s| schema::shape(document, s, "").ok()).map(|shape| shape.kind);
    matches!(kind, None | Some(Kind::String | Kind::Any))
}

/// `response.transform`.
enum Transform {
    Template(TemplateInput, String),
    SchemaXml { unwraps: bool },
}

impl Transform {
    fn step(self, object_key: Option<&str>, columns: &[Column]) -> Reshape {
        match self {
            Transform::Template(input, text) => Reshape::Template { input, text },
            Transform::SchemaXml { unwraps } => Reshape::SchemaXml {
                list: object_key.unwrap_or_default().trim_start_matches("$.").to_owned(),
                unwraps,
                fields: columns.iter().map(|c| (c.wire.clone(), c.shape.kind)).collect(),
            },
        }
    }
}

fn transform(document: &Document, said: &Value, place: &str) -> Result<Option<Transform>> {
    let Some(transform) = said.get("transform").filter(|t| !t.is_null()) else { return Ok(None) };
    let text = |key: &str| transform.get(key).and_then(Value::as_str).unwrap_or_default();
    let family = text("type").split_once("_v").map_or(text("type"), |(family, _)| family);
    let input = match family {
        "golang_template_json" => TemplateInput::Json,
        "golang_template_text" | "golang_template" => TemplateInput::Text,
        "golang_template_mxj" => TemplateInput::Xml,
        "schema_driven_xml" => {
            let protocol = document.root.pointer("/info/x-protocol").and_then(Value::as_str);
            return Ok(Some(Transform::SchemaXml { unwraps: protocol == Some("query") }));
        }
        _ => {
            let kind = text("type");
            return Err(Error::document(format!("{place}: `{kind}` is no transform that is known here")));
        }
    };
    // One that cannot be read is found before a request is sent, and not after a write was taken.
    Template::parse(text("body")).map_err(|e| Error::document(format!("{place}.transform: {e}")))?;
    Ok(Some(Transform::Template(input, text("body").to_owned())))
}

#[cfg(test)]
mod tests;
