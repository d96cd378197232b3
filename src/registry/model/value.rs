//! Values: their types and rules, the columns and fields that hold them, and where they stand in JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a value and the rules it must obey.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// The type.
    pub kind: Kind,
    /// Allowed values as text, where the document lists them.
    pub values: Vec<String>,
    /// The list of values is known not to be complete: others earn a warning, not an error.
    pub open: bool,
    /// Smallest number allowed.
    pub minimum: Option<f64>,
    /// Largest number allowed.
    pub maximum: Option<f64>,
    /// Fewest characters allowed.
    pub min_length: Option<u64>,
    /// Most characters allowed.
    pub max_length: Option<u64>,
    /// NULL may be sent (it clears the field).
    pub nullable: bool,
    /// Must not be shown outside result sets.
    pub secret: bool,
    /// What an object holds, where documented.
    pub fields: Vec<Field>,
    /// What an array holds, where documented.
    pub items: Option<Box<Shape>>,
    /// What the API takes where nothing is sent, as the document has it. It is not checked against the rules.
    #[serde(with = "perhaps_null")]
    pub default: Option<serde_json::Value>,
}

/// Types of values, as SQL sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Kind {
    /// Text.
    #[default]
    String,
    /// 64-bit integer.
    Integer,
    /// Double.
    Number,
    /// true, false, NULL.
    Boolean,
    /// UTC, nanoseconds.
    Timestamp,
    /// A JSON object, as text.
    Object,
    /// A JSON array, as text.
    Array,
    /// Any JSON value, as JSON text.
    Any,
}

impl Kind {
    /// StackQL's word for it in DESCRIBE.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Timestamp => "timestamp",
            Kind::Object => "object",
            Kind::Array => "array",
            Kind::Any => "any",
        }
    }

    /// Whether values are held as JSON text.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Kind::Object | Kind::Array | Kind::Any)
    }
}

/// A property of a body or of an object within one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name on the wire.
    pub wire: String,
    /// SQL name.
    pub name: String,
    /// The request is refused without it.
    pub required: bool,
    /// Type, enum and range.
    pub shape: Shape,
    /// One or more sentences.
    pub description: String,
}

/// A column of a table or of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// SQL name.
    pub name: String,
    /// Name on the wire; the spelling that an unquoted identifier may use too.
    pub wire: String,
    /// Where its value stands in a row: the first path that holds a scalar or, for JSON kinds, anything. Empty:
    /// the column is a request parameter and echoes what was sent.
    pub paths: Vec<JsonPath>,
    /// Type and rules.
    pub shape: Shape,
    /// One or more sentences.
    pub description: String,
    /// `SELECT *` leaves it out.
    pub hidden: bool,
    /// The list leaves it out; only a fetch by key has it.
    pub only_by_key: bool,
}

/// A path of object keys into a JSON value: `$.answer.items`. `$` alone is the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct JsonPath(pub Vec<String>);

impl JsonPath {
    /// Reads `$`, `$.a.b`, or a bare key `a`.
    ///
    /// # Errors
    /// When a part between dots is empty, or the path has brackets other than a closing `[*]`.
    pub fn parse(text: &str) -> Result<JsonPath, String> {
        let trimmed = text.trim().trim_end_matches("[*]");
        let rest = match trimmed.strip_prefix('$') {
            Some("") => return Ok(JsonPath::default()),
            Some(rest) => rest.strip_prefix('.').ok_or_else(|| format!("`{text}`: a `.` must follow `$`"))?,
            None => trimmed,
        };
        let parts: Vec<String> = rest.split('.').map(str::to_owned).collect();
        if parts.iter().any(|p| p.is_empty() || p.contains(['[', ']'])) {
            return Err(format!("`{text}` is not a path of keys such as `$.result.items`"));
        }
        Ok(JsonPath(parts))
    }

    /// The value at this path, where there is one.
    #[must_use]
    pub fn find<'a>(&self, value: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.0.iter().try_fold(value, |value, key| value.as_object()?.get(key))
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|key| match key.contains(['.', '[', ']']) {
            true => write!(f, "['{key}']"),
            false => write!(f, ".{key}"),
        })
    }
}

/// A default of `null` is not the same as none: it is written as a list of one.
mod perhaps_null {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    #[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_behind_a_dollar() {
        let keys = |text: &str| JsonPath::parse(text).map(|p| p.0);
        assert_eq!(keys("$"), Ok(vec![]));
        assert_eq!(keys("$.answer.items[*]"), Ok(vec!["answer".to_owned(), "items".to_owned()]));
        assert_eq!(keys("items"), Ok(vec!["items".to_owned()]));
        assert!(keys("$.a..b").is_err());
        assert!(keys("$x").is_err());
        assert!(keys("$.a[0].b").is_err());
    }
}
