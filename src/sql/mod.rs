//! What was said: a text becomes statements. Syntax only.
//! Owns the dialect, the cutting of scripts at `;`, and the statements that weir adds to SQL (EXEC, SHOW, DESCRIBE,
//! REPLACE, ASSERT, USE). Must not know the registry or a session: no name is resolved here, nothing is planned.
//!
//! [`split`] cuts a script into [`Piece`]s, [`parse`] turns the text of one piece into a [`Statement`].

mod change;
mod cursor;
mod depth;
mod dialect;
#[cfg(test)]
pub(crate) mod dice;
mod exec;
mod parser;
mod refuse;
mod scan;
mod script;
mod show;
mod statement;

pub use parser::parse;
pub use scan::{Mark, Scan, Stretch, place_at, scan};
pub use script::{Piece, is_complete, split};
pub use statement::{Argument, Change, Delete, Describe, Described, Exec, Explain, Insert, Show, Statement, What};
