//! A parsed template, run over a value. Owns scopes, control flow and the bounds of a run; functions are `call`'s.

use std::rc::Rc;

use super::tree::{Branch, Command, Node, Operand, Pipe};
use super::value::Value;
use super::{Fault, Template, call, format};

/// Steps of one run. A page of ten thousand rows takes about a million.
const MOST_STEPS: usize = 5_000_000;
/// Bytes of the text made, and of all texts made on the way.
const MOST_BYTES: usize = 512 << 20;
/// Blocks, brackets and named parts within each other, where they are run.
const DEEPEST: usize = 120;

/// The text that `template` makes of `input`.
pub fn run(template: &Template, input: &Value) -> Result<String, Fault> {
    let variables = vec![("$", input.clone())];
    let mut run = Run { template, variables, out: String::new(), steps: 0, bytes: 0, depth: 0 };
    run.list(input, &template.body)?;
    Ok(run.out)
}

/// Where to go on.
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'t> {
    template: &'t Template,
    variables: Vec<(&'t str, Value)>,
    out: String,
    steps: usize,
    bytes: usize,
    depth: usize,
}

impl<'t> Run<'t> {
    fn step(&mut self, at: usize) -> Result<(), Fault> {
        self.steps += 1;
        match self.steps > MOST_STEPS {
            true => Err(Fault::new(at, format!("the template does not end (after {MOST_STEPS} steps)"))),
            false => Ok(()),
        }
    }

    fn made(&mut self, at: usize, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        match self.bytes > MOST_BYTES {
            true => Err(Fault::new(at, format!("the template makes too much text (over {} MiB)", MOST_BYTES >> 20))),
            false => Ok(()),
        }
    }

    fn deeper(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(Fault::new(at, "the template's parts call each other without end")),
            false => Ok(()),
        }
    }

    fn list(&mut self, dot: &Value, nodes: &'t [Node]) -> Result<Flow, Fault> {
        for node in nodes {
            match self.node(dot, node)? {
                Flow::On => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Result<Flow, Fault> {
        match node {
            Node::Text(text) => {
                self.made(0, text.len())?;
                self.out.push_str(text);
            }
            Node::Print(pipe) => {
                let value = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    let text = format::printed(&value).map_err(|what| Fault::new(pipe.at, what))?;
                    self.made(pipe.at, text.len())?;
                    self.out.push_str(&text);
                }
            }
            Node::If(branch) => return self.choice(dot, branch, false),
            Node::With(branch) => return self.choice(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template { at, name, pipe } => self.part(dot, (*at, name), pipe.as_ref())?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn choice(&mut self, dot: &Value, branch: &'t Branch, moves: bool) -> Result<Flow, Fault> {
        self.deeper(branch.pipe.at)?;
        let known = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let flow = match value.truth() {
            true => self.list(if moves { &value } else { dot }, &branch.body)?,
            false => self.list(dot, &branch.otherwise)?,
        };
        self.variables.truncate(known);
        self.depth -= 1;
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Result<Flow, Fault> {
        let at = branch.pipe.at;
        self.deeper(at)?;
        let known = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let within = self.variables.len();
        let turns: Box<dyn Iterator<Item = (Value, Value)>> = match &value {
            Value::List(items) => Box::new((0..).map(Value::Int).zip(items.iter().cloned())),
            Value::Map(entries) => Box::new(entries.iter().map(|(key, item)| (Value::Text(key.clone()), item.clone()))),
            Value::Int(n) => Box::new((0..*n).map(|i| (Value::Int(i), Value::Int(i)))),
            nothing if nothing.is_nil() => Box::new(std::iter::empty()),
            other => return Err(Fault::new(at, format!("range cannot go over a {}", other.kind()))),
        };
        let mut turned = false;
        for (index, item) in turns {
            self.step(at)?;
            turned = true;
            self.turn(&branch.pipe, within, (index, item.clone()))?;
            let flow = self.list(&item, &branch.body)?;
            self.variables.truncate(within);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        let flow = if turned { Flow::On } else { self.list(dot, &branch.otherwise)? };
        self.variables.truncate(known);
        self.depth -= 1;
        Ok(flow)
    }

    /// The variables of a turn of `range`: one is the item, two are the index and the item.
    fn turn(&mut self, pipe: &'t Pipe, within: usize, (index, item): (Value, Value)) -> Result<(), Fault> {
        let values = match pipe.variables.len() {
            0 => return Ok(()),
            1 => vec![item],
            _ => vec![index, item],
        };
        for (i, (name, value)) in pipe.variables.iter().zip(values).enumerate() {
            match pipe.assigns {
                true => self.assign(pipe.at, name, value)?,
                false => self.variables[within - pipe.variables.len() + i].1 = value,
            }
        }
        Ok(())
    }

    fn part(&mut self, dot: &Value, (at, name): (usize, &str), pipe: Option<&'t Pipe>) -> Result<(), Fault> {
        let template = self.template;
        let body = template.named.get(name).ok_or_else(|| Fault::new(at, format!("no part `{name}` is defined")))?;
        self.deeper(at)?;
        self.step(at)?;
        let value = pipe.map_or(Ok(Value::Missing), |pipe| self.pipe(dot, pipe))?;
        let outside = std::mem::replace(&mut self.variables, vec![("$", value.clone())]);
        self.list(&value, body)?;
        self.variables = outside;
        self.depth -= 1;
        Ok(())
    }

    /// The value of a pipeline. What it declares stays until its block ends.
    fn pipe(&mut self, dot: &Value, pipe: &'t Pipe) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipe.commands {
            // What comes out of a command is a value of its own: null is nothing then.
            value = Some(match self.command(dot, command, value)? {
                Value::Nil => Value::Missing,
                value => value,
            });
        }
        let value = value.unwrap_or(Value::Missing);
        for name in &pipe.variables {
            match pipe.assigns {
                true => self.assign(pipe.at, name, value.clone())?,
                false => self.variables.push((name, value.clone())),
            }
        }
        Ok(value)
    }

    fn assign(&mut self, at: usize, name: &str, value: Value) -> Result<(), Fault> {
        let known = self.variables.iter_mut().rev().find(|(known, _)| *known == name);
        known.ok_or_else(|| Fault::new(at, format!("no variable `{name}` is known here")))?.1 = value;
        Ok(())
    }

    fn command(&mut self, dot: &Value, command: &'t Command, piped: Option<Value>) -> Result<Value, Fault> {
        self.step(command.at)?;
        let (first, rest) = (&command.operands[0], &command.operands[1..]);
        if let Operand::Function(at, name) = first {
            return self.call(dot, (*at, name), (rest, piped));
        }
        if !rest.is_empty() || piped.is_some() {
            return Err(Fault::new(command.at, "a value takes no arguments: only a function does"));
        }
        self.operand(dot, first, command.at)
    }

    fn call(
        &mut self,
        dot: &Value,
        (at, name): (usize, &str),
        (operands, piped): (&'t [Operand], Option<Value>),
    ) -> Result<Value, Fault> {
        if matches!(name, "and" | "or") {
            if operands.is_empty() && piped.is_none() {
                return Err(Fault::new(at, format!("{name} needs a value")));
            }
            let mut last = Value::Missing;
            for operand in operands {
                last = self.operand(dot, operand, at)?;
                if last.truth() == (name == "or") {
                    return Ok(last);
                }
            }
            return Ok(piped.unwrap_or(last));
        }
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            arguments.push(self.operand(dot, operand, at)?);
        }
        arguments.extend(piped);
        let value = call::call(name, &arguments).map_err(|what| Fault::new(at, format!("{name}: {what}")))?;
        if let Value::Text(text) = &value {
            self.made(at, text.len())?;
        }
        Ok(value)
    }

    fn operand(&mut self, dot: &Value, operand: &'t Operand, at: usize) -> Result<Value, Fault> {
        Ok(match operand {
            Operand::Dot => dot.clone(),
            Operand::Nil => Value::Nil,
            Operand::Bool(b) => Value::Bool(*b),
            Operand::Int(n) => Value::Int(*n),
            Operand::Float(f) => Value::Float(*f),
            Operand::Text(text) => Value::text(text),
            Operand::Field(keys) => keys_of(dot.clone(), keys, at)?,
            Operand::Variable(name, keys) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.map(|(_, value)| value.clone());
                keys_of(value.ok_or_else(|| Fault::new(at, format!("no variable `{name}` is known here")))?, keys, at)?
            }
            Operand::Function(at, name) => self.call(dot, (*at, name), (&[], None))?,
            Operand::Piped(pipe) => {
                self.deeper(pipe.at)?;
                let value = self.pipe(dot, pipe)?;
                self.depth -= 1;
                value
            }
            Operand::Chain(operand, keys) => {
                let value = self.operand(dot, operand, at)?;
                keys_of(value, keys, at)?
            }
        })
    }
}

/// The value at keys within a value. Of nothing it is nothing; of null, and of what has no keys, it is a mistake.
fn keys_of(value: Value, keys: &[String], at: usize) -> Result<Value, Fault> {
    keys.iter().try_fold(value, |value, key| match value {
        Value::Missing => Ok(Value::Missing),
        Value::Map(entries) => Ok(entries.get(&Rc::from(key.as_str())).cloned().unwrap_or(Value::Missing)),
        Value::Nil => Err(Fault::new(at, format!("`.{key}` is asked of null"))),
        other => Err(Fault::new(at, format!("`.{key}` is asked of a {}, which has no keys", other.kind()))),
    })
}
