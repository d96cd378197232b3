//! weir: SQL for HTTP APIs. A registry of documents maps tables and methods to HTTP operations; SELECT reads them page
//! after page into Arrow batches, INSERT and EXEC are requests.
//!
//! A [`Session`] runs statements:
//!
//! ```no_run
//! # async fn example() -> weir::Result<()> {
//! use weir::{Session, SessionOptions};
//!
//! let variables = std::env::vars().collect();
//! let session = Session::new(SessionOptions { variables, ..SessionOptions::default() })?;
//! let answer = session.run("SELECT name FROM provider.service.things LIMIT 3").await?;
//! for batch in answer.rows.expect("a SELECT has rows").collect().await? {
//!     println!("{} rows", batch.num_rows());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Someone who has a DataFusion session already can [`extend`] it; its own tables and settings stay:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use datafusion::execution::session_state::SessionStateBuilder;
//! use datafusion::prelude::SessionContext;
//!
//! let options = weir::SessionOptions { variables: std::env::vars().collect(), ..Default::default() };
//! let builder = SessionStateBuilder::new().with_default_features();
//! let context = SessionContext::new_with_state(weir::extend(builder, options)?.build());
//! context.sql("SELECT name FROM provider.service.things").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ARCHITECTURE.md tells how the floors lie on each other.

pub mod error;
pub mod http;
pub mod journal;
pub mod output;
pub mod plan;
pub mod registry;
pub mod rows;
pub mod sandbox;
pub mod secret;
pub mod session;
pub mod shell;
pub mod sql;

pub use error::{Error, Result};
pub use session::{Session, SessionOptions, extend};
