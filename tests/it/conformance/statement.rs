//! The statement that a user would write for a method, from what the registry tells of it; the values are made from the
//! document's own schemas.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use weir::registry::{Kind, Location, Method, Resource};

use super::document::{Entry, Operation, Parameter, Service, resolve};
use super::request::body_schema;
use super::sample::{Fill, Sampler, flat, kind};
use super::schema::Judge;

/// A statement, and what its request should say.
pub struct Written {
    pub sql: String,
    pub parameters: Vec<Sent>,
    /// What the body should be, where that is known.
    pub body: Option<Value>,
    /// EXEC stands in for the verb, which cannot say this.
    pub instead: bool,
}

/// How much of a method's parameters and fields a statement gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// What is required, by the registry's names.
    Least,
    /// Everything, by StackQL's names for the body.
    Most,
}

/// Parameters that page a list. Paging gives them, or one page is meant.
const PAGING: [&str; 24] = [
    "page",
    "perpage",
    "pagesize",
    "limit",
    "offset",
    "cursor",
    "after",
    "before",
    "pagetoken",
    "start",
    "skip",
    "top",
    "count",
    "pageno",
    "pagenumber",
    "size",
    "maxitems",
    "maxresults",
    "first",
    "last",
    "marker",
    "nexttoken",
    "since",
    "pagecursor",
];

/// A column and the value that it is given.
type Given = (String, Value);

/// Place, name and value of a parameter.
type Sent = (String, String, Value);

/// Columns for the body, the body that they mean, and the body as a whole where columns cannot say it.
type Fields = (Vec<Given>, Option<Value>, Option<Value>);

/// Everything that a statement is made of.
pub struct Writer<'a> {
    pub service: &'a Service,
    pub entry: &'a Entry,
    pub operation: &'a Operation,
    pub resource: &'a Resource,
    pub method: &'a Method,
}

impl Writer<'_> {
    /// # Errors
    /// The reason why the judge cannot make such a statement (`?`), or the registry does not offer what it needs.
    pub fn write(&self, manner: Manner) -> Result<Written, String> {
        let (columns, parameters) = self.parameters(manner)?;
        let (fields, body, whole) = self.fields(manner, &columns)?;
        let verb = match self.entry.verb.as_str() {
            _ if whole.is_some() => "exec",
            "update" | "replace" if fields.is_empty() => "exec",
            "insert" if fields.is_empty() && columns.is_empty() => "exec",
            verb => verb,
        };
        let table = format!(
            "{}.{}.{}",
            quoted(&self.resource.provider),
            quoted(&self.resource.service),
            quoted(&self.resource.name)
        );
        let all: Vec<&Given> = columns.iter().chain(&fields).collect();
        let equal = |given: &&Given| format!("{} = {}", spelled(&given.0), literal(&given.1));
        let condition = |given: &[&Given]| {
            let parts: Vec<String> = given.iter().map(equal).collect();
            if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
        };
        let own: Vec<&Given> = columns.iter().collect();
        let sql = match verb {
            "select" => format!("SELECT * FROM {table}{}", condition(&all)),
            "delete" => format!("DELETE FROM {table}{}", condition(&all)),
            "insert" => {
                let names: Vec<String> = all.iter().map(|given| quoted(&given.0)).collect();
                let values: Vec<String> = all.iter().map(|given| literal(&given.1)).collect();
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
            }
            "update" | "replace" => {
                let set: Vec<String> = fields.iter().collect::<Vec<_>>().iter().map(equal).collect();
                format!("{} {table} SET {}{}", verb.to_uppercase(), set.join(", "), condition(&own))
            }
            _ => {
                let mut sql = format!("EXEC {table}.{}", quoted(&self.method.name));
                let mut parts: Vec<String> = all.iter().map(|given| format!("@{}", equal(given))).collect();
                parts.extend(whole.as_ref().map(|whole| format!("@@json = {}", literal(&whole.to_string().into()))));
                let _ = write!(sql, " {}", parts.join(", "));
                sql
            }
        };
        Ok(Written { sql, parameters, body, instead: verb != self.entry.verb })
    }

    fn parameters(&self, manner: Manner) -> Result<(Vec<Given>, Vec<Sent>), String> {
        let (mut columns, mut said): (Vec<Given>, Vec<Sent>) = (Vec::new(), Vec::new());
        for parameter in &self.method.parameters {
            let place = match parameter.location {
                Location::Server => "server",
                Location::Path => "path",
                Location::Query => "query",
                Location::Header => "header",
                // It tells which method is meant, or stands in a query of GraphQL: given, and no parameter of the request.
                Location::Nowhere => "",
                Location::Body => continue,
            };
            let stands = |declared: &str| place.is_empty() || declared == place;
            let declared = self.operation.parameters.iter().find(|p| p.name == parameter.wire && stands(&p.place));
            let Some(declared) = declared else {
                if parameter.required {
                    return Err(format!("the registry wants `{}` ({place}), which is not declared", parameter.wire));
                }
                continue;
            };
            // Signing in sets it.
            if place == "header" && self.service.key_headers.contains(&declared.name.to_lowercase()) {
                continue;
            }
            if !declared.required && (manner == Manner::Least || self.left_out(declared)) {
                continue;
            }
            let fixed = self.operation.literal_query.iter().find(|(name, _)| *name == declared.name);
            let value = match fixed {
                Some((_, value)) => value.as_str().into(),
                None => self.suited(self.value(&declared.schema, &declared.name)?, parameter),
            };
            if columns.iter().any(|(name, _)| *name == parameter.name) {
                continue;
            }
            columns.push((parameter.name.clone(), value.clone()));
            if !place.is_empty() {
                said.push((place.to_owned(), declared.name.clone(), value));
            }
        }
        Ok((columns, said))
    }

    /// A value of the type that the rows' column of the same name has, where the parameter's schema says no more than
    /// text: the identifiers of such an API are numbers.
    fn suited(&self, value: Value, parameter: &weir::registry::Parameter) -> Value {
        let plain = value.as_str() == Some(parameter.wire.as_str());
        let column = self.resource.column(&parameter.name).filter(|column| plain && !column.paths.is_empty());
        match column.map(|column| column.shape.kind) {
            Some(Kind::Integer | Kind::Number) => "7".into(),
            Some(Kind::Boolean) => "true".into(),
            Some(Kind::Timestamp) => "2026-01-31T12:00:00Z".into(),
            _ if value.as_f64() == Some(2.5) => 7.into(),
            _ => value,
        }
    }

    /// Optional parameters that a statement does not give.
    fn left_out(&self, parameter: &Parameter) -> bool {
        let folded: String = parameter.name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let paging = self.entry.verb == "select" && PAGING.contains(&folded.as_str());
        let ignored = parameter.place == "header"
            && ["accept", "content-type", "authorization", "if-none-match", "idempotency-key"]
                .contains(&parameter.name.to_lowercase().as_str());
        paging || ignored || parameter.place == "cookie"
    }

    fn value(&self, schema: &Value, name: &str) -> Result<Value, String> {
        let judge = Judge::new(&self.service.root, schema, true).map_err(|e| format!("?schema: {e}"))?;
        for choice in 0..4 {
            let sampler = Sampler { root: &self.service.root, fill: Fill::All, request: true, choice, items: 1 };
            let made = sampler.value(schema, name);
            if judge.allows(&made) {
                return Ok(made);
            }
        }
        Err("?no value for a parameter can be made".to_owned())
    }

    fn fields(&self, manner: Manner, taken: &[Given]) -> Result<Fields, String> {
        let Some((_, schema)) = body_schema(self.service, self.operation, Some(self.entry)) else {
            return Ok((Vec::new(), None, None));
        };
        let shape = flat(&self.service.root, schema, 0, 0);
        let listed = shape.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
        // A condition on what need not be given would be one on the rows.
        let least = manner == Manner::Least || matches!(self.entry.verb.as_str(), "select" | "delete");
        let mut body = self.body(schema, if least { Fill::Required } else { Fill::Falsy })?;
        // Nobody sends a body that says nothing where there must be one.
        let declared = resolve(&self.service.root, &self.operation.node["requestBody"]);
        let needed = declared.get("required") == Some(&Value::Bool(true));
        if needed && body.as_object().is_some_and(Map::is_empty) {
            body = self.body(schema, Fill::All)?;
        }
        let Value::Object(map) = &body else {
            return Ok((Vec::new(), Some(body.clone()), Some(body)));
        };
        if !listed && kind(&shape) != "any" && (!map.is_empty() || needed) {
            return Ok((Vec::new(), Some(body.clone()), Some(body)));
        }
        let under = self.entry.config.body_names.as_deref().and_then(|algorithm| algorithm.strip_prefix("naive_"));
        let inner = under.and_then(|key| map.get(key)).and_then(Value::as_object);
        let given = inner.unwrap_or(map);
        let mut fields = Vec::new();
        for (wire, value) in given {
            fields.push((self.column(wire, manner, taken)?, value.clone()));
        }
        let said = match under.filter(|_| inner.is_some()) {
            Some(key) => Map::from_iter([(key.to_owned(), Value::Object(given.clone()))]),
            None => given.clone(),
        };
        Ok((fields, self.whole(said), None))
    }

    /// The body that is meant by what a statement says of it; `None` where a template makes it.
    fn whole(&self, said: Map<String, Value>) -> Option<Value> {
        let request = |key: &str| {
            let value = self.entry.node.pointer(&format!("/request/{key}"))?;
            value.as_str().map_or_else(|| Some(value.clone()), |text| serde_json::from_str(text).ok())
        };
        if self.entry.node.pointer("/request/transform").is_some() {
            return None;
        }
        if said.is_empty() {
            return request("default").or_else(|| request("base"));
        }
        let mut whole = request("base").unwrap_or_else(|| Value::Object(Map::new()));
        for (key, value) in said {
            whole[key] = value;
        }
        Some(whole)
    }

    fn column(&self, wire: &str, manner: Manner, taken: &[Given]) -> Result<String, String> {
        let known = self.method.body.iter().flat_map(|body| &body.fields).find(|field| field.wire == wire);
        let field = known.ok_or_else(|| format!("the registry offers no field `{wire}`"))?;
        let naive = self.entry.config.body_names.as_deref().is_some_and(|a| a.starts_with("naive"));
        Ok(match manner {
            // In a condition, a quoted name is a column's own.
            Manner::Most
                if matches!(self.entry.verb.as_str(), "select" | "delete")
                    && taken.iter().all(|(name, _)| *name != field.name) =>
            {
                field.name.clone()
            }
            Manner::Most if naive && taken.iter().all(|(name, _)| name != wire) => wire.to_owned(),
            Manner::Most => format!("data__{wire}"),
            Manner::Least if taken.iter().any(|(name, _)| *name == field.name) => format!("data__{wire}"),
            Manner::Least => field.name.clone(),
        })
    }

    fn body(&self, schema: &Value, fill: Fill) -> Result<Value, String> {
        let judge = Judge::new(&self.service.root, schema, true).map_err(|e| format!("?schema: {e}"))?;
        // A body of nothing but what is required may be too little (minProperties, anyOf of required).
        for fill in [fill, Fill::All, Fill::Required] {
            for choice in 0..4 {
                let sampler = Sampler { root: &self.service.root, fill, request: true, choice, items: 1 };
                let made = sampler.value(schema, "body");
                if judge.allows(&made) {
                    return Ok(made);
                }
            }
        }
        Err("?no body can be made".to_owned())
    }
}

/// A name as it is typed: StackQL's own words for a request's fields without quotes.
fn spelled(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let mixed = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().any(|c| c.is_ascii_uppercase());
    if plain && mixed { name.to_owned() } else { quoted(name) }
}

/// A quoted name.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Array(_) | Value::Object(_) => format!("'{}'", value.to_string().replace('\'', "''")),
    }
}

/// What a body says, without the fields that say nothing.
pub fn same_body(wished: &Value, sent: Option<&Value>) -> bool {
    sent.unwrap_or(&Value::Object(Map::new())) == wished
}
