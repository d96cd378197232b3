//! A scan of a table: what it asks for, the plan nodes that ask, and the pages as they come. No I/O before execution.

mod ahead;
pub(in crate::plan) mod answers;
pub(in crate::plan) mod ask;
pub(in crate::plan) mod count;
pub(in crate::plan) mod exec;
pub(in crate::plan) mod fetch;
pub(in crate::plan) mod given;
pub(in crate::plan) mod hydrate;
pub(in crate::plan) mod keys;
pub(in crate::plan) mod late;
mod list;
pub(in crate::plan) mod pages;
