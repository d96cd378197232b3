//! A template as a tree: what stands outside of `{{ }}`, what is printed, and what depends on a value.

use std::collections::BTreeMap;

/// A step of a template.
#[derive(Debug, Clone)]
pub enum Node {
    Text(String),
    Print(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { at: usize, name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// What depends on a value.
#[derive(Debug, Clone)]
pub struct Branch {
    pub pipe: Pipe,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
}

/// Commands, each of which gets the value of the one before.
#[derive(Debug, Clone)]
pub struct Pipe {
    pub at: usize,
    pub variables: Vec<String>,
    /// The variables exist already.
    pub assigns: bool,
    pub commands: Vec<Command>,
}

/// A function with its arguments, or a value alone.
#[derive(Debug, Clone)]
pub struct Command {
    pub at: usize,
    pub operands: Vec<Operand>,
}

/// A value, as it is said.
#[derive(Debug, Clone)]
pub enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(usize, String),
    Piped(Box<Pipe>),
    /// Keys of a value.
    Chain(Box<Operand>, Vec<String>),
}

/// What `define` and `block` define.
pub type Parts = BTreeMap<String, Vec<Node>>;
