//! A script is read whole before its first statement runs: cut, its files included, its variables known as far as they
//! can be, every statement parsed. Owns what a script can hold; must not know a session. Nothing is run here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::{Error, Kind, Place, Result};
use crate::shell::command::read;
use crate::shell::meta::{self, BRANCHES, Branches, Command, Input};
use crate::shell::variables::{Filled, Template, Value, Variables, check_name, fill, is_templated, mentions, unset};
use crate::sql::{self, Piece, Statement};

/// A text to run, and its name.
#[derive(Debug, Clone)]
pub struct Text {
    pub file: Option<String>,
    pub text: String,
}

/// One thing that a script does.
#[derive(Debug)]
pub struct Step {
    pub source: Rc<Text>,
    pub act: Act,
}

/// What a step is.
#[derive(Debug)]
pub enum Act {
    Statement(Said),
    /// `SELECT .. \gset prefix`
    Gset(Said, Command),
    Command(Command),
    /// `\i file`; its steps, where the name of the file is known before the script runs.
    Include(Command, Option<Vec<Step>>),
}

/// A statement as it stands in a script.
#[derive(Debug)]
pub struct Said {
    pub piece: Piece,
    /// The same with the placeholders of a template filled in.
    plain: Option<Filled>,
    /// Whether it is run; none where that shows when the script runs.
    pub active: Option<bool>,
    /// Variables that it takes and that are set while the script runs.
    pub later: Vec<String>,
    /// The values that its variables have there, as far as they are known.
    pub known: Variables,
}

/// The statements of a script, those of the files that it reads among them.
pub fn spoken(steps: &[Step]) -> Vec<&Said> {
    let each = steps.iter().flat_map(|step| match &step.act {
        Act::Statement(said) | Act::Gset(said, _) => vec![said],
        Act::Include(_, Some(steps)) => spoken(steps),
        Act::Include(_, None) | Act::Command(_) => Vec::new(),
    });
    each.collect()
}

impl Said {
    /// The statement with its variables filled in, and what leads from its places back to the script's.
    ///
    /// # Errors
    /// For a variable that is not set, and for what the parser refuses; in the places of the script.
    pub fn parse(&self, variables: &Variables) -> Result<(Statement, Filled)> {
        let filled = fill(self.text(), variables).map_err(|error| self.untemplated(error))?;
        match sql::parse(&filled.text) {
            Ok(statement) => Ok((statement, filled)),
            Err(error) => Err(self.back(error, &filled)),
        }
    }

    /// An error of the statement that runs, where it stands in the script.
    pub fn back(&self, error: Error, filled: &Filled) -> Error {
        self.untemplated(moved(error, filled, self.text()))
    }

    fn text(&self) -> &str {
        self.plain.as_ref().map_or(&self.piece.text, |plain| &plain.text)
    }

    fn untemplated(&self, error: Error) -> Error {
        let error = match &self.plain {
            Some(plain) => moved(error, plain, &self.piece.text),
            None => error,
        };
        self.piece.locate(error)
    }
}

fn moved(error: Error, filled: &Filled, typed: &str) -> Error {
    let back = |place: Place| if place.file.is_some() { place } else { filled.back(place, typed) };
    error.map_place(|place| place.map(back))
}

impl Text {
    /// An error of this text under its name.
    pub fn named(&self, error: Error) -> Error {
        let file = self.file.clone();
        error.map_place(|place| place.map(|p| Place { file: p.file.or(file), ..p }))
    }
}

/// Commands that a script can use, beside those of `\if`.
const COMMANDS: [&str; 12] =
    ["set", "unset", "echo", "warn", "g", "gset", "i", "include", "ir", "include_relative", "q", "quit"];

/// Files may read files; one that reads itself must end.
const DEEPEST: usize = 16;

/// Reads scripts one after the other, each with what the ones before it have set.
pub struct Reader<'a> {
    template: Option<&'a Template>,
    home: Option<&'a Path>,
    /// A variable's value; none where it is set while the script runs.
    known: BTreeMap<String, Option<Value>>,
    /// Beginnings of names that `\gset` may set.
    open: Vec<String>,
    depth: usize,
    /// What is wrong, in order.
    pub problems: Vec<Error>,
}

impl<'a> Reader<'a> {
    pub fn new(variables: &Variables, (template, home): (Option<&'a Template>, Option<&'a Path>)) -> Reader<'a> {
        let known = variables.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        Reader { template, home, known, open: Vec::new(), depth: 0, problems: Vec::new() }
    }

    /// The steps of a text.
    pub fn read(&mut self, text: Text) -> Vec<Step> {
        self.within(&Rc::new(text), Some(true))
    }

    /// `outside`: whether the text is run; none where that is not known yet.
    fn within(&mut self, source: &Rc<Text>, outside: Option<bool>) -> Vec<Step> {
        let inputs = match meta::inputs(&source.text) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.problems.push(source.named(error));
                return Vec::new();
            }
        };
        if let Err(error) = meta::balanced(&inputs) {
            self.problems.push(source.named(error));
        }
        let (mut branches, mut steps) = (Branches::default(), Vec::with_capacity(inputs.len()));
        for input in inputs {
            let active = match (outside, branches.active()) {
                (Some(true), inside) => inside,
                (_, Some(false)) => Some(false),
                (outside, _) => outside,
            };
            let act = match input {
                Input::Statement(piece) => self.said(piece, active).map(|said| vec![Act::Statement(said)]),
                Input::Command(command) if BRANCHES.contains(&command.name.as_str()) => {
                    self.branch(command, (&mut branches, active))
                }
                Input::Command(command) => self.command(command, (source, active)),
            };
            match act {
                Ok(acts) => steps.extend(acts.into_iter().map(|act| Step { source: source.clone(), act })),
                Err(error) => self.problems.push(source.named(error)),
            }
        }
        steps
    }

    fn branch(&mut self, command: Command, (branches, active): (&mut Branches, Option<bool>)) -> Result<Vec<Act>> {
        no_statement(&command)?;
        let known = self.variables();
        let later = self.takes_later(&command.rest);
        // What the balance says of it was said already.
        let taken = branches.take(&command, || match later || active.is_none() {
            true => Ok(None),
            false => meta::condition(&command, &known).map(Some),
        });
        match taken {
            Err(error) if error.message().contains("stands") => Ok(Vec::new()),
            taken => taken.map(|()| vec![Act::Command(command)]),
        }
    }

    fn command(&mut self, command: Command, (source, active): (&Rc<Text>, Option<bool>)) -> Result<Vec<Act>> {
        let here = command.place.clone();
        let act = self.act(command, (source, active));
        act.map_err(|error| error.map_place(|place| place.or(Some(here))))
    }

    fn act(&mut self, mut command: Command, (source, active): (&Rc<Text>, Option<bool>)) -> Result<Vec<Act>> {
        if !COMMANDS.contains(&command.name.as_str()) {
            return Err(meta::not_in_scripts(&command.name));
        }
        let rest = command.rest.trim_end_matches(';').trim_end().to_owned();
        match command.name.as_str() {
            "g" | "gset" => {
                let Some(before) = command.before.take() else {
                    return Err(Error::statement(format!("\\{} runs the statement before it", command.name))
                        .hint(format!("SELECT .. \\{}", command.name)));
                };
                let said = self.said(before, active)?;
                if command.name == "gset" {
                    self.gset(&said, &rest, active);
                    return Ok(vec![Act::Gset(said, command)]);
                }
                if !rest.is_empty() {
                    return Err(Error::statement("\\g writes no file in a script")
                        .hint("COPY (SELECT ..) TO 'file' does; -f FILE takes the results of the whole script"));
                }
                return Ok(vec![Act::Statement(said)]);
            }
            // It ends the file, and what stands before it is a statement that nobody has ended.
            "q" | "quit" => {
                let before = command.before.take().map(|piece| self.said(piece, active)).transpose()?;
                return Ok(before.into_iter().map(Act::Statement).chain([Act::Command(command)]).collect());
            }
            _ => no_statement(&command)?,
        }
        match command.name.as_str() {
            "set" => self.set(&rest, active)?,
            "unset" => self.put(&rest, (None, true), active),
            "i" | "include" | "ir" | "include_relative" => {
                let steps = self.include(&command, (source, active))?;
                return Ok(vec![Act::Include(command, steps)]);
            }
            _ => {}
        }
        Ok(vec![Act::Command(command)])
    }

    /// A statement, parsed with what its variables are, or with what they might be.
    fn said(&mut self, piece: Piece, active: Option<bool>) -> Result<Said> {
        let plain = match self.template.filter(|_| is_templated(&piece.text)) {
            Some(template) => Some(template.fill(&piece.text).map_err(|error| piece.locate(error))?),
            None => None,
        };
        let mut said = Said { piece, plain, active, later: Vec::new(), known: self.variables() };
        for mention in mentions(said.text()) {
            match self.known.get(&mention.name) {
                Some(Some(_)) => {}
                None if active == Some(true) && !self.may_be_set(&mention.name) => {
                    let names = self.known.keys().map(String::as_str);
                    return Err(said.untemplated(unset(&mention.name, names).at(mention.place)));
                }
                _ => said.later.push(mention.name),
            }
        }
        let mut first = None;
        for stand_in in ["null", "x", "1", "[1]"] {
            let mut variables = said.known.clone();
            variables.extend(said.later.iter().map(|name| (name.clone(), Value::typed(stand_in))));
            match said.parse(&variables) {
                Ok(_) => {
                    said.known = variables;
                    return Ok(said);
                }
                Err(error) => drop(first.get_or_insert(error)),
            }
            if said.later.is_empty() {
                break;
            }
        }
        Err(first.unwrap_or_else(|| Error::new(Kind::Internal, "a statement was not read")))
    }

    /// `\gset` sets the columns of its statement; which ones, is not always to be seen.
    fn gset(&mut self, said: &Said, prefix: &str, active: Option<bool>) {
        if active == Some(false) {
            return;
        }
        let columns = said.parse(&said.known).ok().and_then(|(statement, _)| statement.column_names());
        match columns {
            Some(columns) if !self.takes_later(prefix) => {
                let prefix = self.words(prefix).into_iter().next().unwrap_or_default();
                for column in columns {
                    self.known.insert(format!("{prefix}{column}"), None);
                }
            }
            _ => self.anything(prefix),
        }
    }

    /// Any variable that begins so may be set from here on.
    fn anything(&mut self, prefix: &str) {
        self.open.push(prefix.to_owned());
        self.known.iter_mut().filter(|(name, _)| name.starts_with(prefix)).for_each(|(_, value)| *value = None);
    }

    fn set(&mut self, rest: &str, active: Option<bool>) -> Result<()> {
        let mut words = meta::words(rest, &self.variables())?.into_iter();
        let Some(name) = words.next() else { return Ok(()) };
        check_name(&name).map_err(|error| error.with_kind(Kind::Statement))?;
        let value = Value::typed(&words.collect::<String>());
        self.put(&name, ((!self.takes_later(rest)).then_some(value), false), active);
        Ok(())
    }

    fn put(&mut self, name: &str, (value, unset): (Option<Value>, bool), active: Option<bool>) {
        match active {
            Some(false) => {}
            Some(true) if unset => drop(self.known.remove(name)),
            Some(true) => drop(self.known.insert(name.to_owned(), value)),
            None => drop(self.known.insert(name.to_owned(), None)),
        }
    }

    fn include(&mut self, command: &Command, (source, active): (&Rc<Text>, Option<bool>)) -> Result<Option<Vec<Step>>> {
        if active == Some(false) {
            return Ok(None);
        }
        if self.takes_later(&command.rest) {
            self.anything("");
            return Ok(None);
        }
        let path = included(command, source, (&self.variables(), self.home))?;
        if self.depth >= DEEPEST {
            return Err(Error::statement(format!("{} is read by a file that it reads", path.display())));
        }
        let text = match read(&path) {
            Ok(text) => text,
            // Whether it is read at all shows when the script runs.
            Err(_) if active.is_none() => {
                self.anything("");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.depth += 1;
        let steps = self.within(&Rc::new(Text { file: Some(path.display().to_string()), text }), active);
        self.depth -= 1;
        Ok(Some(steps))
    }

    /// What is known of the variables here.
    fn variables(&self) -> Variables {
        self.known.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
    }

    fn words(&self, rest: &str) -> Vec<String> {
        meta::words(rest, &self.variables()).unwrap_or_default()
    }

    fn may_be_set(&self, name: &str) -> bool {
        self.known.contains_key(name) || self.open.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Whether the words of a command name a variable whose value is not known yet.
    fn takes_later(&self, rest: &str) -> bool {
        rest.split(':').skip(1).any(|behind| {
            let name = meta::leading_name(behind.strip_prefix("{?").unwrap_or(behind));
            !matches!(self.known.get(name), Some(Some(_))) && self.may_be_set(name) && !name.is_empty()
        })
    }
}

/// The file that `\i` and `\ir` name.
///
/// # Errors
/// When they name none, or more than one.
pub fn included(command: &Command, source: &Text, (variables, home): (&Variables, Option<&Path>)) -> Result<PathBuf> {
    let words = meta::words(command.rest.trim_end_matches(';').trim_end(), variables)?;
    let [word] = words.as_slice() else {
        return Err(Error::statement(format!("\\{} takes the name of a file", command.name))
            .hint("a name with blanks stands in quotes"));
    };
    let named = match (word.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(word),
    };
    let beside = command.name.starts_with("ir") || command.name.ends_with("relative");
    let folder = source.file.as_deref().map(Path::new).and_then(Path::parent).filter(|_| beside);
    Ok(folder.map_or(named.clone(), |folder| folder.join(named)))
}

fn no_statement(command: &Command) -> Result<()> {
    match &command.before {
        None => Ok(()),
        Some(before) => Err(Error::statement(format!("\\{} does not run the statement before it", command.name))
            .at(before.place.clone())
            .hint("end the statement with `;`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), Value::typed(value))).collect();
        let mut reader = Reader::new(&variables, (None, None));
        reader.read(Text { file: Some("s.sql".to_owned()), text: text.to_owned() });
        reader.problems.iter().map(ToString::to_string).collect()
    }

    fn is_fine(text: &str, variables: &[(&str, &str)]) {
        assert_eq!(problems(text, variables), Vec::<String>::new(), "{text}");
    }

    #[test]
    fn every_statement_is_read_and_every_slip_is_found() {
        let text = "#!/usr/bin/env -S weir exec -i\nSELEC 1;\nSELECT 1,;\n\\timing\nSELECT 2;\n\\nope\nSELECT :x;";
        assert_eq!(
            problems(text, &[]),
            [
                "s.sql:2:1: no statement begins with SELEC",
                "s.sql:3:10: expected an expression, found the end of the statement",
                "s.sql:4:1: \\timing is for the shell, and does nothing in a script",
                "s.sql:6:1: there is no command \\nope",
                "s.sql:7:8: the variable `x` is not set",
            ]
        );
    }

    #[test]
    fn a_variable_may_be_set_before_it_is_used() {
        is_fine("\\set x 1\nSELECT :x LIMIT :x;", &[]);
        is_fine("SELECT 1 AS a, 2 AS b \\gset p_\nSELECT :p_a, :p_b LIMIT :p_a;", &[]);
        is_fine("SELECT * FROM t \\gset\nSELECT :whatever WHERE a = :id;", &[]);
        is_fine("SELECT 5 AS n \\gset\n\\set m :n\nSHOW TABLES LIKE :m;", &[]);
        assert_eq!(
            problems("SELECT 1 AS a \\gset p_\nSELECT :p_b;", &[]),
            ["s.sql:2:8: the variable `p_b` is not set"]
        );
        assert_eq!(problems("SELECT :x;\n\\set x 1", &[]), ["s.sql:1:8: the variable `x` is not set"]);
        assert_eq!(problems("\\set x 1\n\\unset x\nSELECT :x;", &[]), ["s.sql:3:8: the variable `x` is not set"]);
        is_fine("SELECT :a FROM t WHERE x IN :l", &[("a", "b"), ("l", "[1]")]);
    }

    #[test]
    fn branches_that_are_not_taken_are_parsed_and_need_no_variables() {
        is_fine("\\if :{?x}\nSELECT :x;\n\\else\n\\set x 1\n\\endif\nSELECT :x;", &[]);
        is_fine("\\if :{?x}\nSELECT :x;\n\\else\n\\set x 1\n\\endif\nSELECT :x;", &[("x", "5")]);
        is_fine("\\if false\n\\i no/such/file\n\\endif", &[]);
        assert_eq!(problems("\\if false\nSELEC 1;\n\\endif", &[]), ["s.sql:2:1: no statement begins with SELEC"]);
        assert_eq!(problems("\\if true\nSELECT :x;\n\\endif", &[]), ["s.sql:2:8: the variable `x` is not set"]);
        is_fine("SELECT true AS yes \\gset\n\\if :yes\n\\set x 1\n\\endif\nSELECT :x;", &[]);
        assert_eq!(problems("\\if :y\n\\endif", &[]), ["s.sql:1:1: the variable `y` is not set"]);
        assert_eq!(problems("\\if 1\n", &[]), ["s.sql:1:1: the \\if that begins here has no \\endif"]);
        assert_eq!(problems("SELECT 1;\n\\endif", &[]), ["s.sql:2:1: \\endif stands without an \\if before it"]);
    }
}
