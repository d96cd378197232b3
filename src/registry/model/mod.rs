//! What exists: providers, services, resources and their methods, validated, with every name, type and path resolved.
//! Plain data. Knows no document format (that is `document` and `load`), no HTTP, no Arrow, no SQL.

mod auth;
mod entry;
mod graphql;
mod operation;
mod paging;
mod provider;
mod pushdown;
mod reshape;
mod resource;
mod value;
mod view;

pub use auth::*;
pub use entry::*;
pub use graphql::*;
pub use operation::*;
pub use paging::*;
pub use provider::*;
pub use pushdown::*;
pub use reshape::*;
pub use resource::*;
pub use value::*;
pub use view::*;
