//! A method, one HTTP operation: what it takes and what it gives. Plain data; sends nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::auth::AuthScheme;
use super::graphql::GraphQl;
use super::paging::Paging;
use super::pushdown::Pushdown;
use super::reshape::Reshape;
use super::value::{Column, Field, JsonPath, Shape};

/// One HTTP operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// What else of a SELECT its parameters can say.
    pub pushdown: Pushdown,
    /// When a 404 means "no rows".
    pub not_found: Option<NotFound>,
    /// What makes a repeated request take effect once.
    pub idempotency: Option<Idempotency>,
    /// How to learn what became of it, where the answer comes before the effect.
    pub settles: Option<Settles>,
    /// The document says that repeating it is safe.
    pub safe_to_retry: bool,
    /// Withdrawn upstream: what the document says of it.
    pub withdrawn: Option<String>,
    /// The query is sent as a form in the body (`get_query_to_post_form_utf_8`).
    pub query_as_form: bool,
    /// The way to sign in that the document says below the provider: for its service, its resource or itself.
    pub sign_in: Option<Box<AuthScheme>>,
    /// The service of AWS that its requests are signed for, where the document says it.
    pub signed_for: Option<String>,
    /// The query of GraphQL that its body is.
    pub graphql: Option<GraphQl>,
    /// Why weir cannot execute it, if it cannot.
    pub unsupported: Option<String>,
}

/// HTTP methods that documents use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// OPTIONS
    Options,
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
            HttpVerb::Options => "OPTIONS",
        }
    }
}

/// A part of a path template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathPart {
    /// Sent as it stands.
    Literal(String),
    /// Wire name of a path parameter.
    Parameter(String),
}

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Location {
    /// In the server's host or base path.
    Server,
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// A field of the body, where a read is asked by one.
    Body,
    /// Nowhere: it tells which method is meant, and is not sent (`drop_double_underscore_params`).
    Nowhere,
}

/// How a value of several parts is written, after OpenAPI 3.0's table of styles. Path and headers know `Simple` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Style {
    /// `a,b`; in the query, or `x=a&x=b` where it explodes.
    #[default]
    Plain,
    /// `x=a%20b`
    Space,
    /// `x=a|b`
    Pipe,
    /// `x[key]=value`
    Deep,
    /// JSON text, whatever it holds (`content: application/json`).
    Json,
    /// `x.1.key=value`, as AWS flattens lists and objects.
    Dotted,
    /// `x.member.1.key=value`, as AWS's protocol `query` does.
    Members,
}

/// A value the request needs or takes, outside its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// How its value is written.
    pub manner: Manner,
}

/// How a value is written into a URL or header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manner {
    /// What stands between the parts of arrays and objects.
    pub style: Style,
    /// Arrays are sent as `a=1&a=2` (true) or `a=1,2` (false), objects as `k=v` or `a=k,v`.
    pub explode: bool,
    /// Reserved characters that cannot end the value stand as they are.
    pub reserved: bool,
}

/// A predicate in the rows' own words that a parameter serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicate {
    /// SQL name of the row column.
    pub column: String,
    /// The comparison.
    pub operator: Comparison,
    /// What to send; `None`: the value compared with.
    pub send: Option<String>,
}

/// Comparisons a [`Predicate`] can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// A request's body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// `application/json`
    pub media_type: String,
    /// A body must be sent.
    pub required: bool,
    /// Top-level properties.
    pub fields: Vec<Field>,
    /// Properties beyond those listed are allowed.
    pub open: bool,
    /// The value of the one field is the whole body.
    pub whole: bool,
    /// Where in the body the fields stand, if not at its top.
    pub nest: Option<Nest>,
    /// What the fields are laid over; sent as it is where none is given.
    pub base: Option<serde_json::Map<String, serde_json::Value>>,
    /// Text of the whole body where no field is given.
    pub default: Option<String>,
    /// Wire names of fields that are files in a multipart form.
    pub files: Vec<String>,
    /// The envelope of an XML body.
    pub xml: Option<Xml>,
    /// A Go template that makes the body of the fields, where it says more than their schema.
    pub template: Option<String>,
}

/// A place within a body (`naive_DesiredState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nest {
    /// Keys that lead there.
    pub path: Vec<String>,
    /// What stands there is JSON text, not an object.
    pub text: bool,
}

/// What stands around an XML body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xml {
    /// Name of the root element.
    pub root: String,
    /// Attributes of the root element, as text.
    pub annotation: String,
    /// What stands before the root element.
    pub declaration: String,
    /// Values are markup already, and are not escaped.
    pub raw: bool,
}

/// What comes back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// `Accept` header and decoding.
    pub media_type: String,
    /// What makes JSON of the body before rows are looked for; nothing where the body is that.
    pub reshape: Vec<Reshape>,
    /// Where the rows are: the first path that is there. Array: rows; object: one row; null: none.
    pub rows: Vec<JsonPath>,
    /// An answer in which nothing stands there has no rows: StackQL's `objectKey` means that, where no `x-weir` stands
    /// beside it.
    pub may_lack_rows: bool,
    /// The document says that they are several.
    pub many: bool,
    /// Columns of a row.
    pub columns: Vec<Column>,
    /// Fields of the envelope around the rows, for RETURNING.
    pub envelope: Vec<Column>,
}

/// An order that the API can produce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFound {
    /// Codes in the answer that mean something else all the same (a route that does not exist).
    pub unless_codes: Vec<i64>,
}

/// A header that makes a repeated request take effect once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The header that carries the key.
    pub header: String,
    /// How long the API remembers a key; after that the same key takes effect anew. `None`: it does not say.
    pub valid: Option<Duration>,
}

/// How to learn what became of a call that is answered before it has taken effect: a method of the resource is asked
/// for the row, every so often, until its column has one of the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settles {
    /// The method to ask: a GET without pages.
    pub method: String,
    /// SQL name of the column to look at; [`Resource::row_column`](super::Resource::row_column) finds it.
    pub column: String,
    /// Values that mean that it took effect, as text.
    pub done: Vec<String>,
    /// Values that mean that it failed, as text.
    pub failed: Vec<String>,
    /// The time between two questions.
    pub every: Duration,
}
