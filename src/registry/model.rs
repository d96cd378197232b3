//! What exists: providers, services, resources and their methods, validated, with every name, type and path resolved.
//! Plain data. Knows no document format (that is `document` and `load`), no HTTP, no Arrow, no SQL.

use std::fmt;
use std::sync::Arc;

/// A provider: one API with one way of signing in, and a list of services.
#[derive(Debug, Clone)]
pub struct Provider {
    /// `cloudflare`: the first part of a table's name.
    pub name: String,
    /// Version of its documents.
    pub version: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// Services in document order; their own documents are read only when one is named.
    pub services: Vec<ServiceEntry>,
    /// How to talk to it.
    pub access: Access,
}

/// What provider.yaml says of a service, without its document.
#[derive(Debug, Clone)]
pub struct ServiceEntry {
    /// `stream`: the second part of a table's name.
    pub name: String,
    /// Identifier as the document gives it.
    pub id: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// Version of the document.
    pub version: String,
    /// Whether the document calls it the preferred version.
    pub preferred: bool,
}

/// How a provider is reached: base URL, credentials, limits, and what its errors look like.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Environment variable that replaces the documents' server, where set.
    pub base_url_variable: Option<String>,
    /// Ways to sign in; the first whose variables are all set is taken. Empty: none is needed.
    pub schemes: Vec<AuthScheme>,
    /// What to tell someone who has no credentials.
    pub credentials_help: Option<String>,
    /// At most this many requests at the same time.
    pub concurrent: usize,
    /// At most `requests` in any `seconds`, each window on its own.
    pub windows: Vec<RateWindow>,
    /// Where the answer says whether it succeeded; `false` there is a refusal whatever the status.
    pub success: Option<JsonPath>,
    /// Where error messages stand, tried in order.
    pub errors: Vec<ErrorShape>,
    /// Advice for some refusals, first match wins.
    pub hints: Vec<ErrorHint>,
}

/// One way to sign in. The strings are names of environment variables, never secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthScheme {
    /// `Authorization: Bearer <value>`
    Bearer(String),
    /// One header a pair: (header name, variable)
    Headers(Vec<(String, String)>),
}

/// A documented rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWindow {
    /// Requests allowed in the window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

/// Where an error answer keeps its messages: an array of objects, one object, or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorShape {
    /// Path of the array or object.
    pub at: JsonPath,
    /// Key of the code in it.
    pub code: Option<String>,
    /// Key of the message in it.
    pub message: String,
}

/// Advice for a refusal with this status and, where given, this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorHint {
    /// HTTP status, where it matters.
    pub status: Option<u16>,
    /// The API's own code, where it matters.
    pub code: Option<i64>,
    /// What to do.
    pub hint: String,
}

/// A service with its document read.
#[derive(Debug, Clone)]
pub struct Service {
    /// `stream`
    pub name: String,
    /// Resources in document order.
    pub resources: Vec<Arc<Resource>>,
    /// Parts of the document that could not be used, each with file and path. They hide nothing else.
    pub problems: Vec<String>,
}

/// A resource: a table.
#[derive(Debug, Clone)]
pub struct Resource {
    /// `cloudflare`
    pub provider: String,
    /// `stream`
    pub service: String,
    /// `live_inputs`
    pub name: String,
    /// Identifier as the document gives it.
    pub id: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// All methods, in document order.
    pub methods: Vec<Arc<Method>>,
    /// Which methods serve which verb, by name, in document order.
    pub verbs: Verbs,
    /// Columns of the table: those of its rows first, then request parameters, then hidden ones.
    pub columns: Vec<Column>,
    /// Columns that tell one row from another, where documented.
    pub key: Vec<String>,
    /// The method that fetches by key what the list leaves out, where there is one.
    pub hydrate: Option<String>,
}

/// Method names by verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verbs {
    /// SELECT
    pub select: Vec<String>,
    /// INSERT
    pub insert: Vec<String>,
    /// UPDATE
    pub update: Vec<String>,
    /// REPLACE
    pub replace: Vec<String>,
    /// DELETE
    pub delete: Vec<String>,
}

/// What SQL can say to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// SELECT
    Select,
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// REPLACE
    Replace,
    /// DELETE
    Delete,
    /// EXEC
    Exec,
}

impl Verb {
    /// Every verb, in the order SHOW METHODS lists them.
    pub const ALL: [Verb; 6] = [Verb::Select, Verb::Insert, Verb::Delete, Verb::Update, Verb::Replace, Verb::Exec];
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Select => "SELECT",
            Verb::Insert => "INSERT",
            Verb::Update => "UPDATE",
            Verb::Replace => "REPLACE",
            Verb::Delete => "DELETE",
            Verb::Exec => "EXEC",
        })
    }
}

impl Resource {
    /// `provider.service.resource`
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.provider, self.service, self.name)
    }

    /// The method of that name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Arc<Method>> {
        self.methods.iter().find(|m| m.name == name)
    }

    /// The methods of a verb, in document order. EXEC reaches those that serve no other verb.
    pub fn methods_of(&self, verb: Verb) -> impl Iterator<Item = &Arc<Method>> {
        self.methods.iter().filter(move |m| self.verb_of(&m.name) == verb)
    }

    /// The verb that reaches a method (the first that lists it; EXEC when none does).
    #[must_use]
    pub fn verb_of(&self, method: &str) -> Verb {
        let lists = [
            (Verb::Select, &self.verbs.select),
            (Verb::Insert, &self.verbs.insert),
            (Verb::Delete, &self.verbs.delete),
            (Verb::Update, &self.verbs.update),
            (Verb::Replace, &self.verbs.replace),
        ];
        lists.into_iter().find(|(_, names)| names.iter().any(|n| n == method)).map_or(Verb::Exec, |(verb, _)| verb)
    }

    /// The column with this SQL name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// One HTTP operation.
#[derive(Debug, Clone)]
pub struct Method {
    /// Key in the document: `create`.
    pub name: String,
    /// One or more sentences.
    pub description: String,
    /// GET, POST ...
    pub http: HttpVerb,
    /// Base URL as the document gives it, without a slash at its end. Its variables are parameters at
    /// [`Location::Server`].
    pub server: String,
    /// Path template behind the server, cut at its parameters.
    pub path: Vec<PathPart>,
    /// Path, query, header and server parameters.
    pub parameters: Vec<Parameter>,
    /// The request's body, where it takes one.
    pub body: Option<Body>,
    /// The answer.
    pub answer: Answer,
    /// How a list comes in pages. `None`: it comes whole.
    pub paging: Option<Paging>,
    /// Which ORDER BY the API can do itself.
    pub order: Vec<Order>,
    /// When a 404 means "no rows".
    pub not_found: Option<NotFound>,
    /// Header that makes a repeated request take effect once.
    pub idempotency_key: Option<String>,
    /// The document says that repeating it is safe.
    pub safe_to_retry: bool,
    /// Withdrawn upstream: what the document says of it.
    pub withdrawn: Option<String>,
    /// Why weir cannot execute it, if it cannot.
    pub unsupported: Option<String>,
}

/// HTTP methods that documents use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpVerb {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl HttpVerb {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            HttpVerb::Get => "GET",
            HttpVerb::Head => "HEAD",
            HttpVerb::Post => "POST",
            HttpVerb::Put => "PUT",
            HttpVerb::Patch => "PATCH",
            HttpVerb::Delete => "DELETE",
        }
    }
}

/// A part of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// Sent as it stands.
    Literal(String),
    /// Wire name of a path parameter.
    Parameter(String),
}

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Location {
    /// In the server's host or base path.
    Server,
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// A value the request needs or takes, outside its body.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name on the wire.
    pub wire: String,
    /// SQL name.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// Whether a request is impossible without it.
    pub required: bool,
    /// Type, enum and range.
    pub shape: Shape,
    /// One or more sentences.
    pub description: String,
    /// Environment variable that supplies it when the statement does not.
    pub variable: Option<String>,
    /// Constant that supplies it when the statement does not (a server variable's default).
    pub constant: Option<String>,
    /// Predicates on row columns that this parameter answers, besides equality with its own name.
    pub predicate: Option<Predicate>,
    /// The API applies it exactly as SQL would: rows need not be filtered again.
    pub exact: bool,
    /// Whether `SELECT *` leaves it out, where the document says; optional ones are left out by default.
    pub hidden: Option<bool>,
    /// Arrays are sent as `a=1&a=2` (true) or `a=1,2` (false).
    pub explode: bool,
}

/// A predicate in the rows' own words that a parameter serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// SQL name of the row column.
    pub column: String,
    /// The comparison.
    pub operator: Comparison,
    /// What to send; `None`: the value compared with.
    pub send: Option<String>,
}

/// Comparisons a [`Predicate`] can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// The type of a value and the rules it must obey.
#[derive(Debug, Clone, Default, PartialEq)]
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
}

/// Types of values, as SQL sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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

/// A request's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// `application/json`
    pub media_type: String,
    /// A body must be sent.
    pub required: bool,
    /// Top-level properties.
    pub fields: Vec<Field>,
    /// Properties beyond those listed are allowed.
    pub open: bool,
}

/// A property of a body or of an object within one.
#[derive(Debug, Clone, PartialEq)]
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

/// What comes back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// `Accept` header and decoding.
    pub media_type: String,
    /// Where the rows are: the first path that is there. Array: rows; object: one row; null: none.
    pub rows: Vec<JsonPath>,
    /// Columns of a row.
    pub columns: Vec<Column>,
    /// Fields of the envelope around the rows, for RETURNING.
    pub envelope: Vec<Column>,
}

/// A column of a table or of an answer.
#[derive(Debug, Clone, PartialEq)]
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

/// How a list comes in pages.
#[derive(Debug, Clone, PartialEq)]
pub struct Paging {
    /// The way from one page to the next.
    pub style: PagingStyle,
    /// Query parameter for the page's size, and the largest size to ask for.
    pub size: Option<PageSize>,
    /// Where the number of all rows stands, tried in order.
    pub total: Vec<JsonPath>,
    /// Where the number of all pages stands, tried in order.
    pub total_pages: Vec<JsonPath>,
    /// Pages may be asked for side by side once the total is known.
    pub concurrent: bool,
    /// The API is believed to cut the list at this many rows without saying so.
    pub window: Option<u64>,
    /// The total is only a hint: fewer rows earn a warning, not an error.
    pub total_may_differ: bool,
}

/// The page size a request can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSize {
    /// Wire name of the query parameter.
    pub parameter: String,
    /// Largest size the API takes.
    pub largest: u64,
}

/// Ways from one page to the next.
#[derive(Debug, Clone, PartialEq)]
pub enum PagingStyle {
    /// One answer is all there is.
    Whole,
    /// A page number in the query, counted from `first`.
    Page {
        /// Wire name of the query parameter.
        parameter: String,
        /// Number of the first page.
        first: u64,
    },
    /// A row offset in the query, counted from 0.
    Offset {
        /// Wire name of the query parameter.
        parameter: String,
    },
    /// A token from the answer goes into the next request's query. No token: the end.
    Cursor {
        /// Wire name of the query parameter.
        parameter: String,
        /// Where the token stands, tried in order.
        next: Vec<JsonPath>,
    },
    /// The last row's value goes into the next request's query (`after=<created>`); rows that repeat are dropped
    /// by key. Ends when a page brings nothing new.
    Keyset {
        /// Wire name of the query parameter.
        parameter: String,
        /// Wire name of the row's field.
        field: String,
    },
    /// A URL in the answer. None: the end.
    NextUrl {
        /// Where the URL stands, tried in order.
        next: Vec<JsonPath>,
    },
    /// `Link: <url>; rel="next"` (RFC 8288). None: the end.
    Link,
}

/// An order that the API can produce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// SQL name of the column.
    pub column: String,
    /// Wire name of the query parameter.
    pub parameter: String,
    /// Word for ascending.
    pub ascending: Option<String>,
    /// Word for descending.
    pub descending: Option<String>,
}

/// When a 404 means that there are no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// Codes in the answer that mean something else all the same (a route that does not exist).
    pub unless_codes: Vec<i64>,
}

/// A path of object keys into a JSON value: `$.result.liveInputs`. `$` alone is the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
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
        self.0.iter().try_for_each(|key| write!(f, ".{key}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_behind_a_dollar() {
        let keys = |text: &str| JsonPath::parse(text).map(|p| p.0);
        assert_eq!(keys("$"), Ok(vec![]));
        assert_eq!(keys("$.result.items[*]"), Ok(vec!["result".to_owned(), "items".to_owned()]));
        assert_eq!(keys("items"), Ok(vec!["items".to_owned()]));
        assert!(keys("$.a..b").is_err());
        assert!(keys("$x").is_err());
        assert!(keys("$.a[0].b").is_err());
    }
}
