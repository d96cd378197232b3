//! Names in a statement, before it is planned: its tables, its columns, and where their values come from.

pub(in crate::plan) mod lineage;
mod meaning;
pub(in crate::plan) mod spelling;
pub(in crate::plan) mod tables;
mod views;
