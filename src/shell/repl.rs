//! The interactive shell: a prompt, inputs one after the other, and what each leads to. Reading is `editor`'s, running is
//! `script`'s; this must not know keys or colours.

use super::args::Surroundings;
use super::command::Ready;
use super::desk::{Desk, Flow};
use super::draw::Source;
use super::editor::{Editor, Input, Manner, wants_vi};
use super::history::may_keep;
use super::meta::{self, Out, Standing};
use super::rc;
use super::script::Runner;
use super::variables::Variables;
use super::view::Display;
use crate::error::{Error, Kind, Place, Result};
use crate::session::Session;

/// How a shell starts.
pub struct Start<'a> {
    pub around: &'a Surroundings,
    pub sandbox: bool,
    pub no_rc: bool,
    pub standing: Standing,
    /// A session of another profile, ready to begin.
    pub next: &'a dyn Fn(&str) -> Result<Ready>,
}

/// What outlives a session: what the person has set for themselves, and nothing that came from a provider.
pub struct Kept {
    variables: Variables,
    display: Display,
    timing: bool,
    typed: Vec<String>,
    out: Option<Out>,
}

/// The shell: a session and the editor in front of it.
struct Shell<'a, 'b> {
    desk: &'a mut Desk<'b>,
    next: &'a dyn Fn(&str) -> Result<Ready>,
    /// The one that follows.
    ready: Option<Ready>,
    runner: &'a Runner<'b>,
    editor: Editor,
    sandbox: bool,
}

/// Runs the shell until the user leaves, or asks for another profile: with what that begins with, and what is kept.
pub fn run<'b>(
    desk: &mut Desk<'b>,
    runner: &Runner<'b>,
    (start, kept): (&Start<'_>, Option<Kept>),
) -> Result<Option<(Ready, Kept)>> {
    let around = start.around;
    let manner = Manner {
        interactive: around.stdin_is_terminal,
        colour: around.colour && around.width.is_some(),
        vi: around.stdin_is_terminal && around.inputrc.as_deref().is_some_and(wants_vi),
        history: around.history.clone(),
        home: around.home.clone(),
        commands: meta::COMMANDS
            .iter()
            .filter(|(name, ..)| !name.is_empty())
            .map(|(name, takes, _)| ((*name).to_owned(), (*takes).to_owned()))
            .collect(),
        words: meta::choices(&start.standing.profiles),
    };
    let editor = Editor::new(runner.session, manner)?;
    desk.place = start.standing.clone();
    desk.typed = editor.remembered();
    let first = kept.is_none();
    if let Some(kept) = kept {
        desk.take_up(kept);
    }
    let mut shell = Shell { desk, runner, editor, sandbox: start.sandbox, next: start.next, ready: None };
    if first {
        runner.report.line("weir: \\? for help, \\q to leave");
    }
    if around.stdin_is_terminal && !start.sandbox {
        shell.welcome();
    }
    if first && !start.no_rc && shell.read_rc(around) == Flow::Leave {
        return Ok(None);
    }
    shell.converse()?;
    let ready = shell.ready;
    Ok(ready.map(|ready| (ready, desk.put_down())))
}

impl Desk<'_> {
    fn take_up(&mut self, kept: Kept) {
        let Kept { variables, display, timing, typed, out } = kept;
        (self.variables, self.display, self.timing, self.typed, self.out) = (variables, display, timing, typed, out);
    }

    fn put_down(&mut self) -> Kept {
        Kept {
            variables: std::mem::take(&mut self.variables),
            display: self.display.clone(),
            timing: self.timing,
            typed: std::mem::take(&mut self.typed),
            out: self.out.take(),
        }
    }
}

impl Shell<'_, '_> {
    fn converse(&mut self) -> Result<()> {
        let session = self.runner.session;
        loop {
            let profile = self.desk.place.profile.as_deref();
            match self.editor.read(&prompt(session, profile, self.sandbox), session)? {
                Input::Text(text) => {
                    let goes = self.act(&text, Source { text: &text, file: None }, 1);
                    // After it ran, the session knows the secrets in it.
                    if may_keep(&text, session.redactor()) {
                        self.editor.remember(&text);
                        self.desk.remember(&text);
                    }
                    if goes == Flow::Leave && self.may_leave() {
                        return Ok(());
                    }
                }
                Input::Interrupted(true) => {}
                Input::Interrupted(false) => self.runner.report.line("\\q or Ctrl-D leaves"),
                Input::End => return Ok(()),
            }
        }
    }

    /// Whether the session ends here: not where another was asked for and cannot begin.
    fn may_leave(&mut self) -> bool {
        let Some(profile) = self.desk.place.next.take() else { return true };
        match (self.next)(&profile) {
            Err(error) => {
                self.runner.report.error(&error);
                return false;
            }
            Ok(ready) => self.ready = Some(ready),
        }
        let told = format!("a new session of profile {profile}; the tables of the one before ended with it");
        self.runner.report.line(&told);
        true
    }

    /// Does what one input says. `source` is the text it is from, where it begins on line `line`.
    fn act(&mut self, text: &str, source: Source<'_>, line: u64) -> Flow {
        let done = self.desk.input(text).and_then(|flow| self.edit_mode().map(|()| flow));
        done.unwrap_or_else(|error| {
            let moved = |place: Option<Place>| {
                let place = place.unwrap_or(Place { file: None, line: 1, column: 1 });
                let own = place.file.is_none();
                let (file, line) = if own {
                    (source.file.map(str::to_owned), place.line + line - 1)
                } else {
                    (place.file, place.line)
                };
                Some(Place { file, line, ..place })
            };
            let bare = source.file.is_none() && error.place().is_none();
            let error = if bare { error } else { error.map_place(moved) };
            self.runner.report.error_in(&error, source);
            Flow::Continue
        })
    }

    /// `\set EDIT_MODE vi` is for the editor.
    fn edit_mode(&mut self) -> Result<()> {
        let Some(mode) = self.desk.variables.get("EDIT_MODE").and_then(|mode| Some(mode.words()?.to_ascii_lowercase()))
        else {
            return Ok(());
        };
        match mode.as_str() {
            "vi" => self.editor.set_vi(true),
            "emacs" => self.editor.set_vi(false),
            _ => {
                self.desk.variables.remove("EDIT_MODE");
                return Err(
                    Error::statement(format!("there is no editing mode {mode}")).hint("\\set EDIT_MODE vi, or emacs")
                );
            }
        }
        Ok(())
    }

    /// Runs the rc file. What is wrong in it is said, and the rest runs.
    fn read_rc(&mut self, around: &Surroundings) -> Flow {
        let Some(path) = &around.rc else { return Flow::Continue };
        let name = path.display().to_string();
        let text = match rc::read(path) {
            None => return Flow::Continue,
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                let error = Error::new(Kind::Usage, format!("{name} cannot be read: {error}"));
                self.runner.report.error(&error.hint("--no-rc starts without it"));
                return Flow::Continue;
            }
        };
        for entry in rc::entries(&text) {
            let line = u64::try_from(entry.line).unwrap_or(u64::MAX);
            if self.act(&entry.text, Source { text: &text, file: Some(&name) }, line) == Flow::Leave {
                if self.desk.place.next.take().is_none() {
                    return Flow::Leave;
                }
                self.runner.report.note(&format!("{name} does not change the profile; default_profile does"));
            }
        }
        Flow::Continue
    }

    /// Someone who has no credentials hears how to get some, and what works without.
    fn welcome(&self) {
        let lacking = self.runner.session.outline().without_credentials();
        let Some((provider, variables, help)) = lacking.first() else { return };
        let report = &self.runner.report;
        report.line(&format!("There are no credentials for {provider}: set {variables}, and start again."));
        // The first sentence says where; the documents' authors put it there.
        let first = help.as_deref().unwrap_or_default().split(". ").next().unwrap_or_default();
        if !first.is_empty() {
            report.line(&format!("{}.", first.trim_end_matches('.')));
        }
        report.line("`weir shell --sandbox` works at once, against a simulation; nothing real is read or changed.");
    }
}

/// `weir> `, with what USE named and what is unusual about the session.
fn prompt(session: &Session, profile: Option<&str>, sandbox: bool) -> String {
    let read_only = session.settings().read_only;
    let marks: Vec<&str> =
        [(profile.is_some(), profile.unwrap_or_default()), (sandbox, "sandbox"), (read_only, "read-only")]
            .into_iter()
            .filter_map(|(holds, mark)| holds.then_some(mark))
            .collect();
    let mut prompt = "weir".to_owned();
    if !marks.is_empty() {
        prompt = format!("{prompt}({})", marks.join(", "));
    }
    let in_use = session.in_use();
    if !in_use.is_empty() {
        prompt = format!("{prompt}:{}", in_use.join("."));
    }
    prompt + "> "
}
