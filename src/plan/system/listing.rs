//! The rows of weir's own tables, one after the other. Texts only say what the registry and the log hold.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::outcome::Outcome;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::http::RequestLog;
use crate::registry::{Choice, Kind, Location, Registry, Resource, ResourceEntry, Shape, required, taken, takes};

/// One value of a row.
enum Cell {
    Text(Option<String>),
    Flag(bool),
    Count(Option<i64>),
    Time(i64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(Some(text.to_owned()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(Some(text))
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Cell::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Cell::Flag(flag)
    }
}

fn count(n: usize) -> Cell {
    Cell::Count(i64::try_from(n).ok())
}

/// The schema of a table by its name. A name ends in its type where that is not text: `#` integer, `?` boolean, `@`
/// timestamp.
pub fn schema(table: &str) -> SchemaRef {
    let columns: &[&str] = match table {
        "providers" => &["name", "version", "title", "description", "unsupported"],
        "problems" => &["problem"],
        "services" => &["provider", "id", "name", "title", "description", "version", "preferred?", "position#"],
        "resources" => &["provider", "service", "name", "id", "title", "description", "position#"],
        "methods" => &[
            "provider",
            "service",
            "resource",
            "name",
            "required_params",
            "sql_verb",
            "description",
            "optional_params",
            "http_method",
            "path",
            "withdrawn",
            "unsupported",
            "position#",
        ],
        "columns" => &[
            "provider",
            "service",
            "resource",
            "name",
            "type",
            "description",
            "hidden?",
            "secret?",
            "parameter?",
            "only_by_key?",
            "wire_name",
            "position#",
        ],
        "parameters" => &[
            "provider",
            "service",
            "resource",
            "method",
            "name",
            "type",
            "param_type",
            "shape",
            "description",
            "location",
            "secret?",
            "position#",
        ],
        "requests" => &[
            "statement#",
            "started@",
            "method",
            "url",
            "status#",
            "error",
            "attempts#",
            "bytes#",
            "waited_ms#",
            "taken_ms#",
        ],
        "warnings" => &["statement#", "warning"],
        "outcomes" => &[
            "statement#",
            "row#",
            "outcome",
            "request",
            "status#",
            "code",
            "message",
            "request_id",
            "attempts#",
            "taken_ms#",
        ],
        _ => &["name", "value", "default", "source", "description", "flag", "variable"],
    };
    let field = |name: &&str| {
        let (bare, kind) = match name.char_indices().next_back() {
            Some((i, '#')) => (&name[..i], DataType::Int64),
            Some((i, '?')) => (&name[..i], DataType::Boolean),
            Some((i, '@')) => (&name[..i], DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
            _ => (*name, DataType::Utf8View),
        };
        Field::new(bare, kind, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Rows under construction.
pub struct Listing {
    schema: SchemaRef,
    rows: Vec<Vec<Cell>>,
}

impl Listing {
    pub fn new(schema: SchemaRef) -> Self {
        Listing { schema, rows: Vec::new() }
    }

    pub fn providers(&mut self, registry: &Registry) {
        for p in registry.providers() {
            self.rows.push(vec![
                p.name.as_str().into(),
                p.version.as_str().into(),
                p.title.as_str().into(),
                p.description.as_str().into(),
                p.unsupported.clone().into(),
            ]);
        }
    }

    pub fn services(&mut self, registry: &Registry, wanted: Option<&Vec<String>>) {
        let allowed = |name: &str| wanted.is_none_or(|names| names.iter().any(|n| n == name));
        for provider in registry.providers().filter(|p| allowed(&p.name)) {
            for (i, s) in provider.services.iter().enumerate() {
                self.rows.push(vec![
                    provider.name.as_str().into(),
                    s.id.as_str().into(),
                    s.name.as_str().into(),
                    s.title.as_str().into(),
                    s.description.as_str().into(),
                    s.version.as_str().into(),
                    s.preferred.into(),
                    count(i),
                ]);
            }
        }
    }

    fn of(resource: &Resource) -> Vec<Cell> {
        vec![resource.provider.as_str().into(), resource.service.as_str().into()]
    }

    /// `place`: provider, service and resource.
    pub fn resource(&mut self, place: [&str; 3], r: &ResourceEntry) {
        let mut row: Vec<Cell> = place.map(Cell::from).into();
        let position = self.rows.len();
        row.extend([r.id.as_str().into(), r.title.as_str().into(), r.description.as_str().into(), count(position)]);
        self.rows.push(row);
    }

    pub fn methods(&mut self, place: [&str; 3], r: &ResourceEntry) {
        for (position, m) in r.methods.iter().enumerate() {
            let mut row: Vec<Cell> = place.map(Cell::from).into();
            row.extend([
                m.name.as_str().into(),
                m.required.join(", ").into(),
                m.verb.to_string().into(),
                m.description.as_str().into(),
                m.optional.join(", ").into(),
                m.http.as_str().into(),
                m.path.as_str().into(),
                m.withdrawn.clone().into(),
                m.unsupported.clone().into(),
                count(position),
            ]);
            self.rows.push(row);
        }
    }

    pub fn problems(&mut self, problems: &[String]) {
        self.rows.extend(problems.iter().map(|problem| vec![problem.as_str().into()]));
    }

    pub fn columns(&mut self, r: &Resource) {
        for (position, c) in r.columns.iter().enumerate() {
            let mut row = Self::of(r);
            row.extend([
                r.name.as_str().into(),
                c.name.as_str().into(),
                c.shape.kind.word().into(),
                c.description.as_str().into(),
                c.hidden.into(),
                c.shape.secret.into(),
                c.paths.is_empty().into(),
                c.only_by_key.into(),
                c.wire.as_str().into(),
                count(position),
            ]);
            self.rows.push(row);
        }
    }

    pub fn parameters(&mut self, r: &Resource) {
        for m in &r.methods {
            let mut position = 0;
            let mut add = |name: &str, param_type: &str, shape: &Shape, description: &str, location: &str| {
                let mut row = Self::of(r);
                row.extend([
                    r.name.as_str().into(),
                    m.name.as_str().into(),
                    name.into(),
                    shape.kind.word().into(),
                    param_type.into(),
                    shape_text(shape).into(),
                    description.into(),
                    location.into(),
                    shape.secret.into(),
                    count(position),
                ]);
                position += 1;
                self.rows.push(row);
            };
            let needs: Vec<&str> = required(m).collect();
            let optional: Vec<&str> = taken(m).filter(|name| !needs.contains(name)).collect();
            let names =
                needs.iter().map(|n| (*n, "input_required")).chain(optional.iter().map(|n| (*n, "input_optional")));
            for (name, param_type) in names {
                match takes(m, name) {
                    Some(Choice::Parameter(p)) => add(name, param_type, &p.shape, &p.description, location(p.location)),
                    Some(Choice::Body(f)) => add(name, param_type, &f.shape, &f.description, "body"),
                    Some(Choice::Inside(_)) | None => {}
                }
            }
            for c in &m.answer.columns {
                add(&c.name, "output", &c.shape, &c.description, "answer");
            }
        }
    }

    pub fn requests(&mut self, log: &RequestLog) {
        let millis = |d: std::time::Duration| Cell::Count(i64::try_from(d.as_millis()).ok());
        for r in log.records() {
            let started = r.started.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
            self.rows.push(vec![
                Cell::Count(i64::try_from(r.statement).ok()),
                Cell::Time(i64::try_from(started).unwrap_or(0)),
                r.verb.as_str().into(),
                r.url.into(),
                Cell::Count(r.status.map(i64::from)),
                r.error.into(),
                Cell::Count(Some(i64::from(r.attempts))),
                Cell::Count(i64::try_from(r.bytes).ok()),
                millis(r.waited),
                millis(r.taken),
            ]);
        }
    }

    pub fn outcomes(&mut self, outcomes: &[Outcome]) {
        let number = |n: u64| Cell::Count(i64::try_from(n).ok());
        for outcome in outcomes {
            self.rows.push(vec![
                number(outcome.statement),
                number(outcome.row),
                outcome.ended.to_string().into(),
                outcome.request.as_str().into(),
                Cell::Count(outcome.status.map(i64::from)),
                outcome.code.clone().into(),
                outcome.message.clone().into(),
                outcome.request_id.clone().into(),
                number(u64::from(outcome.attempts)),
                Cell::Count(i64::try_from(outcome.taken.as_millis()).ok()),
            ]);
        }
    }

    pub fn warnings(&mut self, warnings: &[(u64, String)]) {
        for (statement, text) in warnings {
            self.rows.push(vec![Cell::Count(i64::try_from(*statement).ok()), text.as_str().into()]);
        }
    }

    pub fn settings(&mut self, settings: &[[String; 7]]) {
        for row in settings {
            self.rows.push(row.iter().map(|text| text.as_str().into()).collect());
        }
    }

    pub fn finish(self) -> Result<RecordBatch> {
        let mut columns: Vec<Vec<Cell>> = self.schema.fields().iter().map(|_| Vec::new()).collect();
        for row in self.rows {
            for (column, cell) in columns.iter_mut().zip(row) {
                column.push(cell);
            }
        }
        let arrays = columns.into_iter().zip(self.schema.fields()).map(|(cells, field)| array(cells, field)).collect();
        RecordBatch::try_new(self.schema, arrays)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("a system table could not be made: {e}")))
    }
}

fn array(cells: Vec<Cell>, field: &Field) -> ArrayRef {
    let number = |cell: &Cell| match cell {
        Cell::Count(n) => *n,
        Cell::Time(n) => Some(*n),
        Cell::Text(_) | Cell::Flag(_) => None,
    };
    match field.data_type() {
        DataType::Int64 => Arc::new(cells.iter().map(number).collect::<Int64Array>()),
        DataType::Boolean => {
            let flag = |cell: &Cell| if let Cell::Flag(flag) = cell { Some(*flag) } else { None };
            Arc::new(cells.iter().map(flag).collect::<BooleanArray>())
        }
        DataType::Timestamp(..) => {
            Arc::new(cells.iter().map(number).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
        }
        _ => {
            let text = |cell: Cell| if let Cell::Text(text) = cell { text } else { None };
            Arc::new(cells.into_iter().map(text).collect::<StringViewArray>())
        }
    }
}

fn location(location: Location) -> &'static str {
    match location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
        Location::Body => "body",
        Location::Server => "server",
        Location::Nowhere => "none",
    }
}

/// What a value may be, in short: `LIVE | IDLE`, `30..1096`, `{mode, timeoutSeconds}`, `[string]`.
fn shape_text(shape: &Shape) -> String {
    match shape.kind {
        Kind::Object => format!("{{{}}}", shape.fields.iter().map(|f| f.wire.as_str()).collect::<Vec<_>>().join(", ")),
        Kind::Array => format!("[{}]", shape.items.as_ref().map_or("any", |i| i.kind.word())),
        _ if !shape.values.is_empty() => shape.values.join(" | "),
        _ => match (shape.minimum, shape.maximum, shape.max_length) {
            (None, None, None) => String::new(),
            (None, None, Some(most)) => format!("at most {most} characters"),
            (least, most, _) => {
                let text = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
                format!("{}..{}", text(least), text(most))
            }
        },
    }
}
