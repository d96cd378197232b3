//! Commands of the shell, which begin with a backslash: their table, and how a text is cut into statements and commands.
//! Owns how a command is written; what it does is in the files beside. Must not know a session.

mod ask;
mod branch;
mod connect;
mod files;
mod reuse;
mod set;
mod show;
mod syntax;
mod watch;
mod words;

pub use ask::echoed;
pub use branch::{Branches, NAMES as BRANCHES, asked, balanced, condition, not_in_scripts, truth};
pub use connect::Standing;
pub use files::Out;
pub use reuse::settings_of;
pub use words::{named as leading_name, words};

use crate::error::{Error, Kind, Place, Result, nearest};
use crate::output::Format;
use crate::sql::{self, Mark, Piece};

/// A name, its arguments, and what it does, for `\?`, completion and the documentation. In the order of `\?`; a line
/// without a name is a heading.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    ("", "", "The shell"),
    ("\\?", "", "list these commands"),
    ("\\h", "[command]", "how a statement is written"),
    ("\\q", "", "leave (also quit, exit, Ctrl-D)"),
    ("\\conninfo", "", "what is in use, who signs in, what it cost so far"),
    (
        "\\c",
        "[profile or provider[.service]]",
        "begin a session of a profile; or use a provider or service, as USE does",
    ),
    ("\\!", "[command]", "run a command of the system"),
    ("\\echo", "[text ..]", "print a text"),
    ("\\warn", "[text ..]", "print a text where errors go"),
    ("\\s", "[file]", "what was typed so far, in this session and before"),
    ("", "", "What there is"),
    ("\\l", "", "providers"),
    ("\\dn", "[provider]", "services"),
    ("\\d", "[name]", "tables; of one its columns, parameters and methods"),
    ("\\dm", "[name]", "methods"),
    ("\\requests", "", "the HTTP requests of the last statement"),
    ("", "", "Results"),
    ("\\x", "[on|off|auto]", "rows one below the other; auto: where they are too wide"),
    ("\\chart", "[bar|line|hist] [column ..]", "draw the last result, which is also the table _"),
    ("\\t", "[on|off]", "leave out the names of the columns, or show them again"),
    ("\\a", "", "values with a tab between them in place of a table, or a table again"),
    ("\\timing", "[on|off]", "say what each statement cost"),
    ("\\pset", "[option [value]]", "how results are shown: format, null, header, rows, pager, expanded and more"),
    ("\\o", "[file or |command]", "results go to a file or a program; back without"),
    ("", "", "Statements"),
    ("\\g", "[file or |command]", "run the statement before it, or the last one again"),
    ("\\gx", "[file or |command]", "the same, rows one below the other (also \\G)"),
    ("\\gset", "[prefix]", "the same, and set variables to the columns of its row"),
    ("\\gexec", "", "the same, and run each value of the result as a statement"),
    ("\\watch", "[seconds] [c=times]", "the same again and again, marking what changed; Ctrl-C ends it"),
    ("\\p", "", "print the last statement"),
    ("\\e", "[file]", "write the statement, or a file, in $EDITOR, and run it"),
    ("\\i", "file", "run the statements and commands of a file"),
    ("\\ir", "file", "the same, found beside the file that says so"),
    ("", "", "Variables"),
    ("\\set", "[variable [value]]", "set a variable: :name is its value, :\"name\" a name, :'name' a string"),
    ("\\unset", "variable", "forget a variable"),
    ("\\if", "true|false|:variable|:{?variable}", "what stands up to \\endif is run only if that holds"),
    ("\\elif", "condition", "otherwise, if that holds"),
    ("\\else", "", "otherwise"),
    ("\\endif", "", "the end of \\if"),
];

/// Commands of other shells, which begin with a dot, and what does the same here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("tables", "\\d"),
    ("schema", "\\d table"),
    ("inspect", "\\d"),
    ("databases", "\\l"),
    ("connections", "\\l"),
    ("help", "\\?"),
    ("quit", "\\q"),
    ("exit", "\\q"),
    ("read", "\\i file"),
    ("output", "\\o file"),
    ("once", "\\g file"),
    ("mode", "\\pset format"),
    ("nullvalue", "\\pset null"),
    ("headers", "\\t"),
    ("separator", "\\pset separator"),
    ("maxrows", "\\pset rows"),
    ("timer", "\\timing"),
    ("timing", "\\timing"),
    ("print", "\\echo"),
    ("edit", "\\e"),
    ("shell", "\\!"),
    ("system", "\\!"),
];

/// What may stand behind words of a command, for completion, where its line in the table does not tell it.
pub fn choices(profiles: &[String]) -> Vec<(String, Vec<String>)> {
    let all = |words: &mut dyn Iterator<Item = &'static str>| words.map(str::to_owned).collect();
    let mut choices = vec![
        ("\\h".to_owned(), all(&mut syntax::STATEMENTS.iter().map(|(name, _)| *name))),
        ("\\c".to_owned(), profiles.to_vec()),
        ("\\pset".to_owned(), all(&mut set::OPTIONS.iter().map(|(name, _)| *name))),
        ("\\pset format".to_owned(), all(&mut Format::names().filter(|name| !is_for_files(name)))),
    ];
    let switches = set::OPTIONS.iter().filter(|(_, meaning)| meaning.contains("(on, off"));
    for (name, meaning) in switches {
        let words = if meaning.contains("auto") { &["on", "off", "auto"][..] } else { &["on", "off"] };
        choices.push((format!("\\pset {name}"), all(&mut words.iter().copied())));
    }
    choices
}

/// Whether a format is for files alone.
fn is_for_files(name: &str) -> bool {
    name.parse::<Format>().is_ok_and(Format::is_binary)
}

/// What stands in a text that was typed or read: statements and commands, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Statement(Piece),
    Command(Command),
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Without its backslash.
    pub name: String,
    /// What stands behind it on its line.
    pub rest: String,
    /// The statement that stands before it and is not ended by `;`.
    pub before: Option<Piece>,
    pub place: Place,
}

/// Cuts a text. A command goes to the end of its line.
///
/// # Errors
/// For a string or comment that is not closed.
pub fn inputs(text: &str) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    let mut from = 0;
    if let Some((command, end)) = dotted(text) {
        inputs.push(Input::Command(command));
        from = end;
    }
    while let Some(command) = find(&text[from..]) {
        let at = from + command;
        let end = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
        let mut pieces = pieces(text, from, at)?;
        let before = pieces.pop_if(|piece| !piece.complete);
        inputs.extend(pieces.into_iter().map(spoken));
        let (name, rest) = named(&text[at + 1..end]);
        let place = sql::place_at(text, at);
        inputs.push(Input::Command(Command { name: name.to_owned(), rest: rest.trim().to_owned(), before, place }));
        from = end;
    }
    inputs.extend(pieces(text, from, text.len())?.into_iter().map(spoken));
    Ok(inputs)
}

/// Whether what was typed can be run: it ends with `;` or a command, is a word of the shell's, or there is nothing.
pub fn is_complete(text: &str) -> bool {
    let text = text.trim();
    if word(text).is_some() || dotted(text).is_some() {
        return true;
    }
    let mut rest = text;
    while let Some(at) = find(rest) {
        match rest[at..].find('\n') {
            None => return true,
            Some(end) => rest = &rest[at + end..],
        }
    }
    sql::is_complete(rest)
}

/// Where the first command begins: a backslash outside of strings and comments.
fn find(text: &str) -> Option<usize> {
    let scan = sql::scan(text);
    let is_command = |s: &&sql::Stretch| s.mark == Mark::Code && text[s.start..s.end].starts_with('\\');
    scan.stretches.iter().find(is_command).map(|stretch| stretch.start)
}

/// A command as other shells write it, `.tables`, and its end. There is none such, but no statement begins so, and the
/// person is told what it is called here.
fn dotted(text: &str) -> Option<(Command, usize)> {
    let at = text.len() - text.trim_start().len();
    let end = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
    let line = text[at..end].strip_prefix('.')?;
    let (name, rest) = named(line);
    let place = sql::place_at(text, at);
    let (name, rest) = (format!(".{name}"), rest.trim().to_owned());
    line.starts_with(char::is_alphabetic).then_some((Command { name, rest, before: None, place }, end))
}

fn pieces(text: &str, from: usize, to: usize) -> Result<Vec<Piece>> {
    let start = sql::place_at(text, from);
    let part = Piece { text: String::new(), place: start, complete: false };
    // An error in the part stands where the part stands in the text.
    let found = sql::split(&text[from..to]).map_err(|error| part.locate(error))?;
    let moved = |piece: Piece| {
        let column =
            if piece.place.line == 1 { part.place.column + piece.place.column - 1 } else { piece.place.column };
        Piece { place: Place { line: part.place.line + piece.place.line - 1, column, ..piece.place }, ..piece }
    };
    Ok(found.into_iter().map(moved).collect())
}

/// A statement, unless it is one of the words that leave or help.
fn spoken(piece: Piece) -> Input {
    match word(&piece.text) {
        Some(name) => {
            Input::Command(Command { name: name.to_owned(), rest: String::new(), before: None, place: piece.place })
        }
        None => Input::Statement(piece),
    }
}

/// The command that a word stands for.
fn word(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_end_matches(';').trim_end();
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    match ["quit", "exit", "help"].iter().find(|word| is(word)) {
        Some(&"help") => Some("?"),
        Some(_) => Some("q"),
        None => None,
    }
}

/// The name at the beginning of a command, and what follows. A sign is a name by itself.
fn named(line: &str) -> (&str, &str) {
    let length = match line.chars().next() {
        Some(c) if c.is_alphanumeric() => {
            let word = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
            word + usize::from(line[word..].starts_with('+'))
        }
        Some(c) if !c.is_whitespace() => c.len_utf8(),
        _ => 0,
    };
    line.split_at(length)
}

/// Whether a command is in the table.
fn is_known(name: &str) -> bool {
    let stem = name.strip_suffix('+').unwrap_or(name);
    COMMANDS.iter().any(|(known, ..)| known.strip_prefix('\\') == Some(stem))
}

/// The error for a command that there is not.
pub fn unknown(name: &str) -> Error {
    if let Some(elsewhere) = name.strip_prefix('.') {
        let error = Error::new(Kind::Usage, format!("there is no command {name}"));
        let here = ELSEWHERE.iter().find(|(known, _)| known.eq_ignore_ascii_case(elsewhere));
        return match here {
            Some((_, here)) => error.hint(format!("here it is {here}; \\? lists the commands")),
            None => error.hint("commands begin with a backslash here; \\? lists them"),
        };
    }
    let error = Error::new(Kind::Usage, format!("there is no command \\{name}"));
    let names = COMMANDS.iter().filter_map(|(known, ..)| known.strip_prefix('\\'));
    match nearest(name, names.filter(|known| known.len() > 1 || name.len() == 1)) {
        Some(near) => error.hint(format!("did you mean \\{near}? \\? lists the commands")),
        None => error.hint("\\? lists the commands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let tell = |input: Input| match input {
            Input::Statement(piece) => format!("{}{}", piece.text, if piece.complete { ";" } else { "" }),
            Input::Command(c) => {
                let before = c.before.map(|b| format!("{} ", b.text)).unwrap_or_default();
                format!("{before}\\{} [{}]", c.name, c.rest)
            }
        };
        inputs(text).unwrap().into_iter().map(tell).collect()
    }

    #[test]
    fn statements_and_commands_are_told_apart() {
        assert_eq!(
            said("SELECT 1; SELECT 2;\n\\x auto\nSELECT 3"),
            ["SELECT 1;", "SELECT 2;", "\\x [auto]", "SELECT 3"]
        );
        assert_eq!(said("SELECT '\\d', \"\\q\" -- \\x\n\\gx"), ["SELECT '\\d', \"\\q\" -- \\x \\gx []"]);
        assert_eq!(said("\\echo it's; fine\nSELECT 1;"), ["\\echo [it's; fine]", "SELECT 1;"]);
        assert_eq!(said("\\!ls -l\n\\?\n\\d+ a.b;\n\\"), ["\\! [ls -l]", "\\? []", "\\d+ [a.b;]", "\\ []"]);
        assert_eq!(said("SELECT 1; SELECT 2 \\gset p_"), ["SELECT 1;", "SELECT 2 \\gset [p_]"]);
        assert_eq!(said("SELECT a\r\n\\g\r\nSELECT 2;"), ["SELECT a \\g []", "SELECT 2;"]);
    }

    #[test]
    fn words_that_leave_and_help_are_commands() {
        for text in ["quit", "EXIT;", " quit ; "] {
            assert_eq!(said(text), ["\\q []"]);
        }
        assert_eq!(said("help"), ["\\? []"]);
        assert_eq!(said("SELECT quit;"), ["SELECT quit;"]);
        assert_eq!(said(" .mode csv\nSELECT .5;"), [" \\.mode [csv]".trim_start(), "SELECT .5;"]);
        assert!(is_complete(".tables") && !is_complete("SELECT\n.5"));
    }

    #[test]
    fn a_text_is_complete_with_a_semicolon_a_command_or_a_word() {
        for text in ["SELECT 1;", "SELECT 1 \\gx", "\\d", "\\echo it's", "help", "exit", "", "SELECT 1\n\\watch 2"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT '\\gx", "SELECT 1 -- \\gx", "\\x\nSELECT 1", "SELECT 'it\n\\d"] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn places_count_in_the_whole_text() {
        let all = inputs("SELECT 1;\n\\x\n  SELECT 2; SELECT 3 \\g").unwrap();
        let places: Vec<_> = all
            .iter()
            .map(|input| match input {
                Input::Statement(piece) => (piece.place.line, piece.place.column),
                Input::Command(command) => (command.place.line, command.place.column),
            })
            .collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 3), (3, 22)]);
        assert_eq!(inputs("\\x\n SELECT 'a").unwrap_err().place().map(|p| (p.line, p.column)), Some((2, 9)));
    }

    #[test]
    fn a_slip_in_a_command_is_answered() {
        let hint = |name: &str| unknown(name).hint_text().unwrap_or_default().to_owned();
        assert!(hint("wach").starts_with("did you mean \\watch?"));
        assert!(hint("tming").starts_with("did you mean \\timing?"));
        assert_eq!(hint("zzzz"), "\\? lists the commands");
        assert_eq!(hint(".tables"), "here it is \\d; \\? lists the commands");
        assert!(hint(".sesame").contains("backslash"));
        for (name, here) in ELSEWHERE {
            let here = here.split(' ').next().unwrap().trim_start_matches('\\');
            assert!(is_known(here), "{name} is \\{here}");
        }
    }

    #[test]
    fn the_page_of_the_shell_has_every_command() {
        let mut table = String::from("| command | what it does |\n|---|---|\n");
        for (name, arguments, help) in COMMANDS {
            let shown = format!("{name} {arguments}").trim_end().replace('|', "\\|");
            let [first, second] = match name.is_empty() {
                true => [format!("**{help}**"), String::new()],
                false => [format!("`{shown}`"), help.replace('|', "\\|") + " "],
            };
            table.extend(["| ", &first, " | ", &second, "|\n"]);
        }
        // A checkout may have other ends of lines.
        let page = include_str!("../../../docs/shell.md").replace('\r', "");
        assert!(page.contains(&table), "docs/shell.md should have this table:\n{table}");
    }

    #[test]
    fn every_command_has_a_name_and_a_sentence() {
        for (name, arguments, help) in COMMANDS {
            assert!(!help.is_empty(), "{name} {arguments}");
            assert!(name.is_empty() || name.starts_with('\\'), "{name}");
        }
    }
}
