//! weir: SQL for HTTP APIs.
pub mod error;
pub mod registry;
pub mod rows;
pub mod secret;
