//! How to talk: a call of a method becomes a request, is sent within the API's limits, repeated only where that is
//! safe, and its answer is judged. Floor 1: knows `registry` and the ground.
//! Must not know any one API, SQL, Arrow or the query engine; reads no environment (variables arrive as a map).

mod attempts;
mod auth;
mod body;
mod call;
mod client;
mod content;
mod exchange;
mod graphql;
mod halt;
mod limit;
mod log;
mod page;
mod paging;
mod processes;
mod reply;
mod retry;

mod style;
mod target;
mod transport;
mod written;

#[cfg(test)]
mod scripted;

pub use auth::{Credentials, Keyring, Placeholders, Reader, check_places, placeholders};
pub use call::{Call, Prepared, prepare};
pub use client::{Client, ClientOptions, Delivery};
pub use content::{content, misshapen};
pub use exchange::{Budget, Exchange, Notices};
pub use graphql::graphql_refusal;
pub use halt::{Halt, Halts};
pub use log::{Record, RequestLog, Totals};
pub use page::{PageFacts, PageRequest, from_header, next_link, same_origin};
pub use paging::{Completeness, Next, Pager};
pub use reply::{Reply, may_have_taken_effect, no_rows, refusal_code, refused, success, unreadable};
pub use retry::Policy;
pub use transport::Timeouts;
pub(crate) use transport::random_key;
