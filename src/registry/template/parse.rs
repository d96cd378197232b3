//! Tokens into the tree of a template. Owns what may stand where, and which names are known: variables, functions.

use super::Fault;
use super::call;
use super::lex::{Kind, Token, lex};
use super::tree::{Branch, Command, Node, Operand, Parts, Pipe};

/// Blocks and brackets within each other.
const DEEPEST: usize = 60;

/// A template's body, and its named parts.
pub fn parse(source: &str) -> Result<(Vec<Node>, Parts), Fault> {
    let tokens = lex(source)?;
    let variables = vec!["$".to_owned()];
    let mut parser = Parser { tokens, next: 0, end: source.len(), variables, loops: 0, depth: 0, named: Parts::new() };
    let (body, end) = parser.list(true)?;
    match end {
        End::Source => Ok((body, parser.named)),
        End::Block(at) | End::Else(at) => Err(Fault::new(at, "nothing is open here that this could end")),
    }
}

/// What a list of nodes ended with.
enum End {
    Source,
    Block(usize),
    Else(usize),
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    variables: Vec<String>,
    loops: usize,
    depth: usize,
    named: Parts,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |t| t.at)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn is(&self, kind: &Kind) -> bool {
        self.peek().is_some_and(|t| t.kind == *kind)
    }

    fn expect(&mut self, kind: &Kind, what: &str) -> Result<(), Fault> {
        if !self.is(kind) {
            return Err(Fault::new(self.at(), format!("{what} must stand here")));
        }
        self.next += 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(self.at(), format!("more than {DEEPEST} blocks and brackets within each other")));
        }
        Ok(())
    }

    /// Nodes up to `{{ end }}`, `{{ else` or the end of the source.
    fn list(&mut self, top: bool) -> Result<(Vec<Node>, End), Fault> {
        let mut nodes = Vec::new();
        while let Some(token) = self.take() {
            let Kind::Open = token.kind else {
                if let Kind::Outside(text) = token.kind {
                    nodes.push(Node::Text(text));
                }
                continue;
            };
            let word = match self.peek() {
                Some(Token { kind: Kind::Word(word), .. }) => word.clone(),
                _ => String::new(),
            };
            match word.as_str() {
                "end" => {
                    self.next += 1;
                    self.expect(&Kind::Close, "`}}`")?;
                    return Ok((nodes, End::Block(token.at)));
                }
                "else" => {
                    self.next += 1;
                    return Ok((nodes, End::Else(token.at)));
                }
                "define" => {
                    self.next += 1;
                    if !top {
                        return Err(Fault::new(token.at, "`define` stands outside of everything else"));
                    }
                    self.define(token.at)?;
                }
                _ => nodes.push(self.action(&word, token.at)?),
            }
        }
        Ok((nodes, End::Source))
    }

    fn action(&mut self, word: &str, at: usize) -> Result<Node, Fault> {
        let is_key = matches!(word, "if" | "with" | "range" | "template" | "block" | "break" | "continue");
        self.next += usize::from(is_key);
        match word {
            "if" | "with" | "range" => self.branch(word, at),
            "template" => {
                let name = self.name("`template`")?;
                let pipe = if self.is(&Kind::Close) { None } else { Some(self.pipe(&Kind::Close)?) };
                self.expect(&Kind::Close, "`}}`")?;
                Ok(Node::Template { at, name, pipe })
            }
            "block" => {
                let name = self.name("`block`")?;
                let pipe = self.pipe(&Kind::Close)?;
                self.expect(&Kind::Close, "`}}`")?;
                let body = self.apart(at)?;
                self.keep(at, name.clone(), body)?;
                Ok(Node::Template { at, name, pipe: Some(pipe) })
            }
            "break" | "continue" => {
                if self.loops == 0 {
                    return Err(Fault::new(at, format!("`{word}` stands within `range`")));
                }
                self.expect(&Kind::Close, "`}}`")?;
                Ok(if word == "break" { Node::Break } else { Node::Continue })
            }
            _ => {
                let pipe = self.pipe(&Kind::Close)?;
                self.expect(&Kind::Close, "`}}`")?;
                Ok(Node::Print(pipe))
            }
        }
    }

    fn name(&mut self, of: &str) -> Result<String, Fault> {
        match self.take() {
            Some(Token { kind: Kind::Text(name), .. }) => Ok(name),
            token => Err(Fault::new(token.map_or(self.end, |t| t.at), format!("{of} needs a name in quotes"))),
        }
    }

    fn define(&mut self, at: usize) -> Result<(), Fault> {
        let name = self.name("`define`")?;
        self.expect(&Kind::Close, "`}}`")?;
        let body = self.apart(at)?;
        self.keep(at, name, body)
    }

    /// A named part's body: it sees no variables but `$`.
    fn apart(&mut self, at: usize) -> Result<Vec<Node>, Fault> {
        self.deeper()?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.list(false)?;
        (self.variables, self.loops) = (variables, loops);
        self.depth -= 1;
        match end {
            End::Block(_) => Ok(body),
            _ => Err(Fault::new(at, "this has no `{{ end }}`")),
        }
    }

    fn keep(&mut self, at: usize, name: String, body: Vec<Node>) -> Result<(), Fault> {
        let blank = |body: &[Node]| body.iter().all(|n| matches!(n, Node::Text(text) if text.trim().is_empty()));
        match self.named.get(&name) {
            Some(known) if !blank(known) && !blank(&body) => {
                return Err(Fault::new(at, format!("`{name}` is defined twice")));
            }
            Some(_) if blank(&body) => {}
            _ => {
                self.named.insert(name, body);
            }
        }
        Ok(())
    }

    /// `if`, `with` or `range`, from behind that word to its `end`.
    fn branch(&mut self, word: &str, at: usize) -> Result<Node, Fault> {
        self.deeper()?;
        let known = self.variables.len();
        let pipe = self.pipe_of(word == "range", &Kind::Close)?;
        self.expect(&Kind::Close, "`}}`")?;
        let within = self.variables.len();
        self.loops += usize::from(word == "range");
        let (body, end) = self.list(false)?;
        self.loops -= usize::from(word == "range");
        self.variables.truncate(within);
        let otherwise = match end {
            End::Source => return Err(Fault::new(at, format!("this `{word}` has no `{{{{ end }}}}`"))),
            End::Block(_) => Vec::new(),
            End::Else(place) => self.otherwise(word, place)?,
        };
        self.variables.truncate(known);
        self.depth -= 1;
        let branch = Branch { pipe, body, otherwise };
        Ok(match word {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// What stands behind `{{ else`.
    fn otherwise(&mut self, word: &str, at: usize) -> Result<Vec<Node>, Fault> {
        let again =
            matches!(self.peek(), Some(Token { kind: Kind::Word(next), .. }) if next == word && word != "range");
        if again {
            self.next += 1;
            return Ok(vec![self.branch(word, at)?]);
        }
        self.expect(&Kind::Close, "`}}`")?;
        match self.list(false)? {
            (nodes, End::Block(_)) => Ok(nodes),
            (_, End::Else(second)) => Err(Fault::new(second, "a second `else`")),
            (_, End::Source) => Err(Fault::new(at, "this `else` has no `{{ end }}`")),
        }
    }

    fn pipe(&mut self, end: &Kind) -> Result<Pipe, Fault> {
        self.pipe_of(false, end)
    }

    fn pipe_of(&mut self, ranges: bool, end: &Kind) -> Result<Pipe, Fault> {
        let at = self.at();
        let (variables, assigns) = self.declared(ranges)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            let command = self.command()?;
            let callable = matches!(
                command.operands[0],
                Operand::Function(..)
                    | Operand::Field(_)
                    | Operand::Variable(..)
                    | Operand::Chain(..)
                    | Operand::Piped(_)
            );
            if !commands.is_empty() && !callable {
                return Err(Fault::new(command.at, "only a function can stand behind `|`"));
            }
            if commands.is_empty() && command.operands.len() == 1 && matches!(command.operands[0], Operand::Nil) {
                return Err(Fault::new(command.at, "nil is no command"));
            }
            commands.push(command);
            if self.is(end) {
                break;
            }
            self.expect(&Kind::Pipe, "`|` or the end")?;
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { at, variables, assigns, commands })
    }

    /// `$x :=`, `$x =` or, of `range`, `$i, $x :=`.
    fn declared(&mut self, ranges: bool) -> Result<(Vec<String>, bool), Fault> {
        let name = |token: Option<&Token>| match token {
            Some(Token { kind: Kind::Variable(name), .. }) => Some(name.clone()),
            _ => None,
        };
        let Some(first) = name(self.peek()) else { return Ok((Vec::new(), false)) };
        let (mut names, at) = (vec![first], self.at());
        let mut behind = self.next + 1;
        if ranges && self.tokens.get(behind).is_some_and(|t| t.kind == Kind::Comma) {
            let second = name(self.tokens.get(behind + 1));
            names.push(second.ok_or_else(|| Fault::new(at, "a variable must stand behind `,`"))?);
            behind += 2;
        }
        let assigns = match self.tokens.get(behind).map(|t| &t.kind) {
            Some(Kind::Declare) => false,
            Some(Kind::Assign) => true,
            _ if names.len() == 1 => return Ok((Vec::new(), false)),
            _ => return Err(Fault::new(at, "`:=` or `=` must stand behind the variables")),
        };
        if let Some(name) = names.iter().find(|name| assigns && !self.variables.contains(name)) {
            return Err(Fault::new(at, format!("no variable `{name}` is known here")));
        }
        self.next = behind + 1;
        Ok((names, assigns))
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let at = self.at();
        let mut operands = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token.kind, Kind::Close | Kind::Right | Kind::Pipe) {
                break;
            }
            if !operands.is_empty() && !token.spaced {
                return Err(Fault::new(token.at, "a space must stand between arguments"));
            }
            operands.push(self.operand()?);
        }
        if operands.is_empty() {
            return Err(Fault::new(at, "a value is missing here"));
        }
        Ok(Command { at, operands })
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let at = self.at();
        let Some(token) = self.take() else { return Err(Fault::new(at, "a value is missing here")) };
        let operand = match token.kind {
            Kind::Dot => Operand::Dot,
            Kind::Field(name) => Operand::Field(vec![name]),
            Kind::Text(text) => Operand::Text(text),
            Kind::Char(c) => Operand::Int(i64::from(u32::from(c))),
            Kind::Number(text) => number(&text).ok_or_else(|| Fault::new(at, format!("`{text}` is no number")))?,
            Kind::Variable(name) => {
                if !self.variables.contains(&name) {
                    return Err(Fault::new(at, format!("no variable `{name}` is known here")));
                }
                Operand::Variable(name, Vec::new())
            }
            Kind::Word(word) => match word.as_str() {
                "true" | "false" => Operand::Bool(word == "true"),
                "nil" => Operand::Nil,
                _ if call::is_known(&word) => Operand::Function(at, word),
                _ => return Err(Fault::new(at, format!("no function is called `{word}`"))),
            },
            Kind::Left => {
                self.deeper()?;
                let pipe = self.pipe(&Kind::Right)?;
                self.expect(&Kind::Right, "`)`")?;
                self.depth -= 1;
                Operand::Piped(Box::new(pipe))
            }
            _ => return Err(Fault::new(at, "a value must stand here")),
        };
        self.keys_of(operand)
    }

    /// `.a.b` directly behind an operand.
    fn keys_of(&mut self, operand: Operand) -> Result<Operand, Fault> {
        let mut keys = Vec::new();
        let at = self.at();
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = self.peek() {
            keys.push(name.clone());
            self.next += 1;
        }
        if keys.is_empty() {
            return Ok(operand);
        }
        Ok(match operand {
            Operand::Field(mut names) => {
                names.extend(keys);
                Operand::Field(names)
            }
            Operand::Variable(name, _) => Operand::Variable(name, keys),
            Operand::Function(..) | Operand::Piped(_) => Operand::Chain(Box::new(operand), keys),
            _ => return Err(Fault::new(at, "a literal has no keys")),
        })
    }
}

/// Go's numbers: decimal, 0x, 0o, 0b, `_` between digits, fractions and exponents.
fn number(text: &str) -> Option<Operand> {
    let digits = text.replace('_', "");
    let (sign, bare) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let lower = bare.to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)].iter().find(|(prefix, _)| lower.starts_with(prefix));
    if let Some((_, radix)) = radix {
        return Some(Operand::Int(sign * i64::from_str_radix(&lower[2..], *radix).ok()?));
    }
    if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Operand::Int(sign * i64::from_str_radix(&lower, 8).ok()?));
    }
    if lower.contains(['.', 'e']) {
        if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        return Some(Operand::Float(digits.parse().ok().filter(|f: &f64| f.is_finite())?));
    }
    Some(Operand::Int(digits.parse().ok()?))
}
