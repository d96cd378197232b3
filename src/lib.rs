//! weir: SQL for HTTP APIs.
pub mod error;
pub mod http;
pub mod output;
pub mod plan;
pub mod registry;
pub mod rows;
pub mod sandbox;
pub mod secret;
pub mod session;
pub mod shell;
pub mod sql;
