//! Floor 4, the doors for people and scripts: arguments, scripts, the interactive shell.
//! Knows session, output and sql; nothing of plans, requests or documents.

mod args;
mod command;
mod config;
mod confirm;
mod desk;
mod draw;
mod editor;
mod help;
mod history;
mod manual;
mod meta;
mod options;
mod outcomes;
mod rc;
mod repl;
mod report;
mod resume;
mod script;
mod signals;
mod variables;
mod view;

pub use command::main;
