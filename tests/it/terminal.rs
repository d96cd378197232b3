//! The real program in a pseudo-terminal with a size, and the screen it draws (Unix). It knows nothing of what is tested.
//!
//! ```text
//! at_a_terminal(world.program(), |t: &mut Terminal| {   // spawns `weir shell`; the person works on a blocking thread
//!     t.ready("weir>");            // waits until the cursor stands behind this prompt and nothing is typed
//!     t.line("SELECT 1;");         // types, waits until it can be seen, and presses Enter
//!     t.until("1 row");            // waits for text in what is printed (escapes removed), and forgets all up to it
//!     t.shows("1 row");            // waits until the screen has the text;  t.hides("..") until it has not
//!     t.sees(|screen| ..);         // waits until the screen (rows without trailing blanks) is as wanted
//!     t.type_in("\x03");           // keys as they are: Ctrl-C, "\t", "\x1b[A" (see the constants)
//!     t.paste("..");               // a bracketed paste
//!     t.resize(40, 100);           // rows, columns; the program gets SIGWINCH
//!     t.screen(), t.rows(), t.row_of("text"), t.cursor(), t.cell(row, column)   // what is there now
//! }).await                         // -> Ended { code, history, folder }
//! ```
//! `Terminal::open(&program, &["shell", "--sandbox"], (24, 80))` is the same without a thread; `end()` gives the exit code.
//! Never press Enter right after typing and then wait for a prompt with `ready`: the old prompt may still stand there.
//! That is what `line` is for.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};

use crate::harness::Program;

/// Nothing here takes as long; a test that hangs ends with what was printed.
pub const LONG_ENOUGH: Duration = Duration::from_mins(1);

pub const UP: &str = "\x1b[A";
pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const CTRL_R: &str = "\x12";
pub const ENTER: &str = "\r";

/// A program in a terminal, and its screen.
pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    printed: Receiver<Vec<u8>>,
    /// What was printed since the last [`Terminal::until`].
    text: Vec<u8>,
    parser: vt100::Parser,
}

/// How a person's work at a terminal ended.
pub struct Ended {
    pub code: Option<i32>,
    /// What the history file holds.
    pub history: String,
    /// Where the program ran.
    pub folder: tempfile::TempDir,
}

/// Runs `weir shell` with what a person would do at an 80 by 24 terminal, while the server goes on serving.
pub async fn at_a_terminal(program: Program, person: impl FnOnce(&mut Terminal) + Send + 'static) -> Ended {
    at_a_terminal_of(program, &["shell"], (24, 80), person).await
}

/// The same with other arguments and another size (rows, columns).
pub async fn at_a_terminal_of(
    program: Program,
    arguments: &'static [&'static str],
    size: (u16, u16),
    person: impl FnOnce(&mut Terminal) + Send + 'static,
) -> Ended {
    let work = move || {
        let mut terminal = Terminal::open(&program, arguments, size);
        person(&mut terminal);
        let code = terminal.end();
        let history = std::fs::read_to_string(program.folder.path().join("history")).unwrap_or_default();
        Ended { code, history, folder: program.folder }
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl Terminal {
    /// Starts the program in its clean surroundings, on a terminal of so many rows and columns.
    pub fn open(program: &Program, arguments: &[&str], (rows, columns): (u16, u16)) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let mut command = program.command(env!("CARGO_BIN_EXE_weir"));
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        if !command.get_envs().any(|(name, _)| name == "PATH") {
            command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        }
        command.args(arguments);
        let child = Command::from(command).spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let (tell, printed) = channel();
        let out = pty.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            // A terminal that its program has left is at its end with an error.
            while let Ok(read @ 1..) = (&*out).read(&mut buffer) {
                if tell.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let parser = vt100::Parser::new(at_least_one(rows), at_least_one(columns), 10_000);
        Terminal { child, pty, printed, text: Vec::new(), parser }
    }

    /// Presses keys.
    pub fn type_in(&mut self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Types one line, waits until its end can be seen, and presses Enter.
    #[track_caller]
    pub fn line(&mut self, text: &str) {
        self.type_in(text);
        let wanted: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let tail: String = wanted.chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
        self.sees(|screen| screen.chars().filter(|c| !c.is_whitespace()).collect::<String>().contains(&tail));
        self.type_in(ENTER);
    }

    /// Pastes as terminals do, so that the program can tell it from typing.
    pub fn paste(&mut self, text: &str) {
        let keys = format!("\x1b[200~{text}\x1b[201~");
        // A terminal's queue is small and the program reads it while we write.
        self.type_in(&keys);
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.pty.resize(Size::new(rows, columns)).unwrap();
        self.parser.screen_mut().set_size(at_least_one(rows), at_least_one(columns));
    }

    /// Waits until `text` is printed, and forgets all up to its end. Returns what was printed before and with it.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(end) = find_plain(&self.text, text) {
                let rest = self.text.split_off(end);
                return plain(&std::mem::replace(&mut self.text, rest)).0;
            }
            if !self.more(begun) {
                let have = plain(&self.text).0;
                let tail: String = have.chars().skip(have.chars().count().saturating_sub(2_000)).collect();
                panic!("waited for {text:?} to be printed, and have {tail:?}\n{}", self.framed());
            }
        }
    }

    /// Waits until the screen has `text`.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.screen().contains(text) {
            assert!(self.more(begun), "waited for {text:?} on the screen\n{}", self.framed());
        }
    }

    /// Waits until the screen has `text` no more.
    #[track_caller]
    pub fn hides(&mut self, text: &str) {
        let begun = Instant::now();
        while self.screen().contains(text) {
            assert!(self.more(begun), "waited for {text:?} to leave the screen\n{}", self.framed());
        }
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn sees(&mut self, wanted: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.screen()) {
            assert!(self.more(begun), "waited for another screen than\n{}", self.framed());
        }
    }

    /// Waits until the cursor stands behind `prompt` and nothing else stands in its row.
    #[track_caller]
    pub fn ready(&mut self, prompt: &str) {
        let begun = Instant::now();
        loop {
            // Rows first: what they take in moves the cursor too.
            let rows = self.rows();
            let (row, column) = self.parser.screen().cursor_position();
            let text = rows.get(usize::from(row)).cloned().unwrap_or_default();
            if text.trim_end() == prompt.trim_end() && usize::from(column) > prompt.trim_end().len() {
                return;
            }
            assert!(self.more(begun), "waited for the prompt {prompt:?}\n{}", self.framed());
        }
    }

    /// The rows of the screen, without blanks at their ends, after all that is printed by now.
    pub fn rows(&mut self) -> Vec<String> {
        while let Ok(bytes) = self.printed.try_recv() {
            self.take(&bytes);
        }
        let (_, columns) = self.parser.screen().size();
        self.parser.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect()
    }

    /// The screen as text: [`Terminal::rows`], without the empty ones at the end.
    pub fn screen(&mut self) -> String {
        self.rows().join("\n").trim_end().to_owned()
    }

    /// The number of the last row that has `text`.
    #[track_caller]
    pub fn row_of(&mut self, text: &str) -> u16 {
        let row = self.rows().iter().rposition(|row| row.contains(text));
        let row = row.unwrap_or_else(|| panic!("no row has {text:?}\n{}", self.framed()));
        u16::try_from(row).unwrap()
    }

    /// Row and column of the cursor, from 0.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.rows();
        self.parser.screen().cursor_position()
    }

    /// A cell, with its colours.
    pub fn cell(&self, row: u16, column: u16) -> &vt100::Cell {
        self.parser.screen().cell(row, column).unwrap()
    }

    /// Waits until the program has ended by itself; its exit code.
    #[track_caller]
    pub fn end(mut self) -> Option<i32> {
        let begun = Instant::now();
        // Its output ends when it does.
        while self.more(begun) {}
        assert!(begun.elapsed() < LONG_ENOUGH, "the program did not end\n{}", self.framed());
        self.child.wait().unwrap().code()
    }

    /// Waits for more output. False when there is none, or time is up.
    fn more(&mut self, begun: Instant) -> bool {
        match self.printed.recv_timeout(LONG_ENOUGH.saturating_sub(begun.elapsed())) {
            Ok(bytes) => self.take(&bytes),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.text.extend_from_slice(bytes);
    }

    fn framed(&mut self) -> String {
        let screen = self.screen();
        format!("--- screen, cursor {:?}\n{screen}\n---", self.cursor())
    }
}

impl Drop for Terminal {
    /// A test that fails leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at_least_one(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).unwrap_or(NonZeroU16::MIN)
}

/// The end, in bytes, of the first `wanted` among what a person would read of `printed`.
fn find_plain(printed: &[u8], wanted: &str) -> Option<usize> {
    let (text, ends) = plain(printed);
    let at = text.find(wanted)?;
    ends.get(at + wanted.len() - 1).copied()
}

/// The text without escape sequences, and for each of its bytes the end of that byte in what was printed.
fn plain(printed: &[u8]) -> (String, Vec<usize>) {
    let (mut kept, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
    while at < printed.len() {
        if printed[at] == 0x1b {
            at += escape_length(&printed[at..]);
            continue;
        }
        at += 1;
        kept.push(printed[at - 1]);
        ends.push(at);
    }
    // What is not UTF-8 is one byte long here too, so that the places stay right.
    let text = match String::from_utf8(kept) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(|b| if b.is_ascii() { char::from(b) } else { '?' }).collect(),
    };
    (text, ends)
}

/// The length of an escape sequence: `ESC [ .. letter`, `ESC ] .. BEL`, or two bytes.
fn escape_length(bytes: &[u8]) -> usize {
    let ends: fn(&u8) -> bool = match bytes.get(1) {
        Some(b'[') => |b| (0x40..=0x7e).contains(b),
        Some(b']') => |b| *b == 7,
        _ => return 2,
    };
    bytes.iter().skip(2).position(ends).map_or(bytes.len(), |at| at + 3)
}

#[test]
fn text_is_found_between_escapes_and_up_to_its_end() {
    let printed = "\x1b[1mSEL\x1b[0mECT \u{e9}\x1b]0;title\x07 1\x1bM2".as_bytes();
    assert_eq!(plain(printed).0, "SELECT \u{e9} 12");
    let end = find_plain(printed, "\u{e9} 1").unwrap();
    assert_eq!(&printed[end..], b"\x1bM2");
    assert_eq!(find_plain(printed, "title"), None);
}
