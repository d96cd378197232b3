//! Commands that touch files and programs: `\o`, `\i`, `\ir`, `\e`, `\!`, and where `\g` writes.
//! Owns what stands at the other end of a result; must not know statements.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::rc::Rc;

use crate::error::{Error, Kind, Place, Result};
use crate::output::Target;
use crate::shell::desk::{Desk, Flow};
use crate::shell::view::{Sink, shell};

/// Files may read files; one that reads itself must end.
const DEEPEST: usize = 16;

/// A file or program that results go to.
pub enum Out {
    /// A file that appears when it is whole.
    File(Rc<RefCell<Option<Target>>>),
    /// A file that grows, one result after the other.
    Open(Rc<RefCell<std::fs::File>>),
    /// A program that reads them.
    Program(Rc<RefCell<Option<ChildStdin>>>, Child),
}

/// One of the writers to an [`Out`].
struct Shared<T>(Rc<RefCell<T>>);

impl Write for Shared<Option<Target>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().as_mut().map_or(Ok(bytes.len()), |target| target.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Write for Shared<std::fs::File> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl Write for Shared<Option<ChildStdin>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().as_mut().map_or(Ok(bytes.len()), |program| program.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Out {
    /// A writer for one result.
    pub fn sink(&self) -> Sink {
        match self {
            Out::File(target) => Box::new(Shared(target.clone())),
            Out::Open(file) => Box::new(Shared(file.clone())),
            Out::Program(program, _) => Box::new(Shared(program.clone())),
        }
    }

    /// Ends it: a file takes its place, a program has read all.
    ///
    /// # Errors
    /// When the file cannot take its place.
    pub fn close(self) -> Result<()> {
        match self {
            Out::File(target) => target.take().map_or(Ok(()), Target::commit),
            Out::Open(_) => Ok(()),
            Out::Program(program, mut child) => {
                drop(program.take());
                let _ = child.wait();
                Ok(())
            }
        }
    }
}

impl Desk<'_> {
    /// The end that `rest` names: a file, or `|` and a command line. `grows`: further results are added.
    pub(super) fn open(&self, rest: &str, grows: bool) -> Result<Out> {
        if let Some(line) = rest.strip_prefix('|') {
            let mut child = started(shell(line.trim()).stdin(Stdio::piped()), line.trim())?;
            let input = child.stdin.take();
            return Ok(Out::Program(Rc::new(RefCell::new(input)), child));
        }
        let path = self.path(&self.one_word(rest, "a file, or |command")?);
        if grows {
            let file = std::fs::File::create(&path).map_err(|e| unusable(&path, "written", &e))?;
            return Ok(Out::Open(Rc::new(RefCell::new(file))));
        }
        Ok(Out::File(Rc::new(RefCell::new(Some(Target::create(&path)?)))))
    }

    /// `\o`
    pub(super) fn send(&mut self, rest: &str) -> Result<()> {
        if let Some(out) = self.out.take() {
            out.close()?;
        }
        if !rest.is_empty() {
            self.out = Some(self.open(rest, true)?);
        }
        Ok(())
    }

    /// `\i` and `\ir`.
    pub(super) fn include(&mut self, rest: &str, beside: bool) -> Result<Flow> {
        let named = self.path(&self.one_word(rest, "a file")?);
        let path = match self.reading.last().and_then(|file| file.parent()).filter(|_| beside) {
            Some(folder) => folder.join(named),
            None => named,
        };
        self.read(&path)
    }

    /// Runs the statements and commands of a file, up to the first error.
    ///
    /// # Errors
    /// When the file cannot be read, and the first error in it, with file and place.
    pub fn read(&mut self, path: &Path) -> Result<Flow> {
        if self.reading.len() >= DEEPEST {
            return Err(Error::new(Kind::Usage, format!("{} is read by a file that it reads", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unusable(path, "read", &e))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let done = super::inputs(text).and_then(|inputs| super::balanced(&inputs)).and_then(|()| {
            self.reading.push(path.to_owned());
            self.branches.push(super::Branches::default());
            let done = self.input(text);
            self.branches.pop();
            self.reading.pop();
            done
        });
        let name = || path.display().to_string();
        done.map_err(|error| {
            error.map_place(|place| {
                let place = place.unwrap_or(Place { file: None, line: 1, column: 1 });
                Some(Place { file: place.file.clone().or_else(|| Some(name())), ..place })
            })
        })
    }

    /// `\e`: the last statement, or a file, in the person's editor. What ends with `;` is run.
    pub(super) fn edit(&mut self, rest: &str, typed: Option<String>) -> Result<Flow> {
        let file;
        let path = if rest.is_empty() {
            let unmade = |e: io::Error| Error::new(Kind::Usage, format!("no file to edit could be made: {e}"));
            file = tempfile::Builder::new().prefix("weir-").suffix(".sql").tempfile().map_err(unmade)?;
            let last = self.said.as_ref().map(|said| format!("{};\n", said.text));
            std::fs::write(file.path(), typed.or(last).unwrap_or_default()).map_err(unmade)?;
            file.path().to_owned()
        } else {
            self.path(&self.one_word(rest, "a file")?)
        };
        let set = |name: &str| self.environment.get(name).filter(|value| !value.trim().is_empty()).cloned();
        let editor = set("VISUAL").or_else(|| set("EDITOR"));
        let editor = editor.unwrap_or_else(|| if cfg!(windows) { "notepad" } else { "vi" }.to_owned());
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let line = format!("{editor} {}", quoted(&path));
        let ended = started(&mut shell(&line), &editor)?.wait();
        if !ended.is_ok_and(|status| status.success()) {
            return Err(Error::new(Kind::Usage, format!("the editor {editor} failed, so nothing is run"))
                .hint("$EDITOR names another"));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| unusable(&path, "read", &e))?;
        if rest.is_empty() && text == before {
            self.report.note("nothing was changed, so nothing is run");
            return Ok(Flow::Continue);
        }
        self.report.line(text.trim_end());
        if !super::is_complete(&text) {
            let piece = crate::sql::split(&text)?.pop();
            self.said = piece.or_else(|| self.said.take());
            self.report.note("it does not end with `;`, so it is not run; \\g runs it");
            return Ok(Flow::Continue);
        }
        self.input(&text)
    }

    /// `\!`: a command of the system, or a shell of its own.
    pub(super) fn system(&self, line: &str) -> Result<()> {
        let own = self.environment.get("SHELL").cloned().unwrap_or_else(|| "sh".to_owned());
        let mut process = if line.is_empty() { Process::new(&own) } else { shell(line) };
        let status = started(&mut process, if line.is_empty() { &own } else { line })?.wait();
        match status.ok().filter(|status| !status.success()) {
            Some(status) => Err(Error::new(Kind::Usage, format!("the command ended with {status}"))),
            None => Ok(()),
        }
    }

    /// A path, `~/` being the person's own folder.
    fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.environment.get("HOME")) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(text),
        }
    }

    /// The one argument of a command; a `;` behind it is nothing.
    pub(super) fn one_word(&self, rest: &str, what: &str) -> Result<String> {
        let mut words = super::words(rest.trim_end().trim_end_matches(';'), &self.variables)?;
        match (words.pop(), words.is_empty()) {
            (Some(word), true) => Ok(word),
            (None, _) => Err(Error::new(Kind::Usage, format!("the command needs {what}"))),
            (Some(_), false) => {
                Err(Error::new(Kind::Usage, format!("the command takes {what}, and more words are given"))
                    .hint("a name with blanks stands in quotes"))
            }
        }
    }
}

fn started(process: &mut Process, name: &str) -> Result<Child> {
    process.spawn().map_err(|e| Error::new(Kind::Usage, format!("{name} could not be started: {e}")).caused_by(e))
}

fn unusable(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::new(Kind::Usage, format!("{} cannot be {what}: {error}", path.display()))
}

/// A path as the system's shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if cfg!(windows) { format!("\"{text}\"") } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
