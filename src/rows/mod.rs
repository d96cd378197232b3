//! Floor 1: JSON to Arrow and back. Knows the registry's columns and shapes, and arrow; no HTTP, no DataFusion.

mod builder;
mod decode;
mod encode;
mod envelope;
mod schema;

pub use decode::{Decoded, Decoder, Misfit};
pub use encode::to_json;
pub use envelope::{Envelope, Rows};
pub use schema::{JSON_KEY, field, schema};
