//! `\if`, `\elif`, `\else`, `\endif`: which of the statements between them are run. Also when that cannot be known yet,
//! which is how a script is read before it runs. Must not know what stands between.

use super::{Command, Input, words};
use crate::error::{Error, Kind, Place, Result};
use crate::shell::variables::{Variables, unset};

/// The branches that are open at a place in a script.
#[derive(Debug, Default)]
pub struct Branches {
    open: Vec<Branch>,
}

/// What is true, false, or known only when the script runs.
type Perhaps = Option<bool>;

#[derive(Debug)]
struct Branch {
    /// Whether the part between two of its commands is run.
    now: Perhaps,
    /// Whether a part before it was.
    before: Perhaps,
    /// `\else` has come.
    last: bool,
    place: Place,
}

/// The names of these commands.
pub const NAMES: [&str; 4] = ["if", "elif", "else", "endif"];

impl Branches {
    /// Whether what stands here is run; none where that is not known yet.
    pub fn active(&self) -> Perhaps {
        all(self.open.iter())
    }

    /// Takes one of the commands. `condition` is asked only where it matters.
    ///
    /// # Errors
    /// Where the command cannot stand there, and for its condition: no part of it is run then.
    pub fn take(&mut self, command: &Command, condition: impl FnOnce() -> Result<Perhaps>) -> Result<()> {
        if command.name == "if" {
            let asked = if self.active() == Some(false) { Ok(Some(false)) } else { condition() };
            let (now, before) = match &asked {
                Ok(holds) => (*holds, *holds),
                Err(_) => (Some(false), Some(true)),
            };
            self.open.push(Branch { now, before, last: false, place: command.place.clone() });
            return asked.map(drop);
        }
        let outside = all(self.open.iter().rev().skip(1));
        let Some(branch) = self.open.last_mut().filter(|b| !b.last || command.name == "endif") else {
            return Err(misplaced(command, !self.open.is_empty()));
        };
        match command.name.as_str() {
            "elif" => {
                let matters = branch.before != Some(true) && outside != Some(false);
                let asked = if matters { condition() } else { Ok(Some(false)) };
                let holds = *asked.as_ref().unwrap_or(&Some(false));
                branch.now = and(not(branch.before), holds);
                branch.before = if asked.is_err() { Some(true) } else { or(branch.before, holds) };
                asked.map(drop)
            }
            "else" => {
                (branch.now, branch.before, branch.last) = (not(branch.before), Some(true), true);
                Ok(())
            }
            _ => {
                self.open.pop();
                Ok(())
            }
        }
    }

    /// The error for an `\if` without its `\endif`.
    pub fn unclosed(&self) -> Option<Error> {
        let branch = self.open.last()?;
        Some(Error::statement("the \\if that begins here has no \\endif").at(branch.place.clone()))
    }
}

fn misplaced(command: &Command, after_else: bool) -> Error {
    let what = match after_else {
        true => format!("\\{} stands behind \\else", command.name),
        false => format!("\\{} stands without an \\if before it", command.name),
    };
    Error::statement(what).at(command.place.clone())
}

/// Whether every one of these branches is run.
fn all<'a>(branches: impl Iterator<Item = &'a Branch>) -> Perhaps {
    let mut known = Some(true);
    for branch in branches {
        known = and(known, branch.now);
    }
    known
}

fn and(a: Perhaps, b: Perhaps) -> Perhaps {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn not(a: Perhaps) -> Perhaps {
    a.map(|holds| !holds)
}

fn or(a: Perhaps, b: Perhaps) -> Perhaps {
    not(and(not(a), not(b)))
}

/// Whether `\if` and the others stand in pairs, before any of them is run.
///
/// # Errors
/// For the first that does not.
pub fn balanced(inputs: &[Input]) -> Result<()> {
    let mut branches = Branches::default();
    for input in inputs {
        if let Input::Command(command) = input
            && NAMES.contains(&command.name.as_str())
        {
            branches.take(command, || Ok(None))?;
        }
    }
    branches.unclosed().map_or(Ok(()), Err)
}

/// What the one word behind `\if` says: on or off, a variable that does, or `:{?name}`, whether a variable is set.
///
/// # Errors
/// When it says neither.
pub fn condition(command: &Command, variables: &Variables) -> Result<bool> {
    let rest = command.rest.trim_end_matches(';').trim_end();
    if let Some(name) = asked(rest) {
        return Ok(variables.contains_key(name));
    }
    let here = |error: Error| error.at(command.place.clone());
    let words = words(rest, variables).map_err(here)?;
    let [word] = words.as_slice() else {
        return Err(here(
            Error::statement(format!("\\{} takes one word: true, false, or a variable", command.name))
                .hint("SELECT .. AS name \\gset computes one; :{?name} tells whether a variable is set"),
        ));
    };
    if let Some(name) = word.strip_prefix(':').filter(|_| word == rest) {
        return Err(here(unset(name, variables.keys().map(String::as_str))));
    }
    truth(word).ok_or_else(|| {
        here(
            Error::statement(format!("`{word}` is neither true nor false"))
                .hint("true, false, on, off, yes, no, 1 and 0 are; SELECT a > b AS more \\gset, then \\if :more"),
        )
    })
}

/// The name in `:{?name}`.
pub fn asked(word: &str) -> Option<&str> {
    word.strip_prefix(":{?")?.strip_suffix('}')
}

/// What a word says, as psql reads it.
pub fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "t" | "on" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// The error for a command that a script cannot use.
pub fn not_in_scripts(name: &str) -> Error {
    let stem = name.strip_suffix('+').unwrap_or(name);
    if !super::is_known(name) {
        let error = super::unknown(name).with_kind(Kind::Statement);
        return error;
    }
    Error::statement(format!("\\{name} is for the shell, and does nothing in a script")).hint(match stem {
        "!" | "e" | "edit" | "watch" => "do that in the script that calls this one",
        "o" | "out" => "-f FILE writes the results to a file, COPY (SELECT ..) TO 'file' those of one query",
        "x" | "pset" => "-o chooses the format: -o vertical, -o csv",
        "timing" => "--timing says what each statement cost, --events writes it down",
        "c" | "connect" => "USE provider.service",
        "d" | "dt" | "dn" | "dm" | "l" | "list" => "SHOW and DESCRIBE answer that",
        "requests" => "-v lists the requests of each statement",
        _ => "in scripts there are \\set, \\unset, \\echo, \\warn, \\if, \\elif, \\else, \\endif, \\g, \\gset, \\i, \\ir and \\q",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::meta::inputs;
    use crate::shell::variables::Value;

    /// The statements that are run.
    fn run(text: &str, variables: &Variables) -> String {
        let (mut branches, mut said) = (Branches::default(), String::new());
        for input in inputs(text).unwrap() {
            match input {
                Input::Command(command) => {
                    branches.take(&command, || condition(&command, variables).map(Some)).unwrap();
                }
                Input::Statement(piece) if branches.active() == Some(true) => said.push_str(&piece.text),
                Input::Statement(_) => {}
            }
        }
        assert!(branches.unclosed().is_none());
        said
    }

    #[test]
    fn one_part_is_run() {
        let none = Variables::new();
        let chain = |a: &str, b: &str| run(&format!("\\if {a}\nA;\n\\elif {b}\nB;\n\\else\nC;\n\\endif\nD;"), &none);
        assert_eq!([chain("true", "true"), chain("off", "yes"), chain("0", "f")], ["AD", "BD", "CD"]);
        let nested =
            "\\if no\n\\if nonsense\nA;\n\\else\nB;\n\\endif\n\\else\n\\if 1\nC;\n\\elif nonsense\n\\endif\n\\endif";
        assert_eq!(run(nested, &none), "C");
        let set = Variables::from([("x".to_owned(), Value::typed("true"))]);
        assert_eq!(run("\\if :x\nA;\n\\endif\n\\if :{?x}\nB;\n\\endif\n\\if :{?y}\nC;\n\\endif", &set), "AB");
    }

    #[test]
    fn what_does_not_pair_is_an_error_before_anything_runs() {
        let wrong = |text: &str| balanced(&inputs(text).unwrap()).unwrap_err().to_string();
        assert_eq!(wrong("SELECT 1;\n\\if 1\n"), "line 2, column 1: the \\if that begins here has no \\endif");
        assert_eq!(wrong("\\else\n"), "line 1, column 1: \\else stands without an \\if before it");
        assert_eq!(wrong("\\if 1\n\\else\n\\elif 1\n\\endif"), "line 3, column 1: \\elif stands behind \\else");
        assert_eq!(wrong("\\if 1\n\\endif\n\\endif"), "line 3, column 1: \\endif stands without an \\if before it");
    }

    #[test]
    fn a_condition_that_says_nothing_runs_no_part() {
        let all = inputs("\\if maybe\nA;\n\\else\nB;\n\\endif").unwrap();
        let mut branches = Branches::default();
        let (mut errors, mut ran) = (0, 0);
        for input in all {
            match input {
                Input::Command(command) => {
                    let taken = branches.take(&command, || condition(&command, &Variables::new()).map(Some));
                    errors += usize::from(taken.is_err());
                }
                Input::Statement(_) => ran += usize::from(branches.active() == Some(true)),
            }
        }
        assert_eq!((errors, ran), (1, 0));
    }
}
