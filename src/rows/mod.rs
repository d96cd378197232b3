//! Floor 1: JSON to Arrow and back. Knows the registry's columns and shapes, and arrow; no HTTP, no DataFusion.

mod builder;
mod decode;
mod encode;
mod envelope;
mod kept;
mod moment;
mod paths;
mod scan;
mod schema;
mod text;

pub use decode::{Decoded, Decoder, Echo, Misfit};
pub use encode::to_json;
pub use envelope::{Answer, Outline, Unreadable};
pub use kept::compact;
pub use schema::{JSON_KEY, field, schema};
