//! How the shell shows a result: fitted to the terminal, as records, in a pager, or as it is in a file.
//! Owns the choice among these and when the first rows appear; the formats are output's. Must not know statements.

mod chart;
mod live;
mod pager;
mod plot;
mod screen;

use std::collections::HashMap;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use chart::{Canvas, Chart, draw};
pub use live::Live;
pub use pager::{Pager, shell};
pub use plot::clock;
pub use screen::Screen;

use crate::error::Result;
use crate::output::{Flow, Format, Options, Printed, Printer, natural_width};

/// A column is no wider in the pager, where every column is shown.
const WIDEST: usize = 60;
/// Lines that a table has beside its rows, and those that follow it.
const AROUND: usize = 7;

/// When something is done: always, never, or where it helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    On,
    Off,
    Auto,
}

/// How results are shown.
#[derive(Debug, Clone)]
pub struct Display {
    /// Format, the word for NULL, and the cap on rows.
    pub print: Options,
    /// Rows one below the other; auto: where a table is wider than the terminal.
    pub expanded: When,
    /// The pager; auto: for more lines than the terminal has.
    pub pager: When,
    /// Standard output is a terminal.
    pub terminal: bool,
}

/// Where a result goes, and what was found of its reader.
pub type Sink = Box<dyn Write>;

/// One result on its way to somebody's eyes or to a file.
pub struct View {
    display: Display,
    screen: Screen,
    schema: SchemaRef,
    /// Where it goes, until the first row is printed; None: the terminal.
    to: Option<Sink>,
    fits: bool,
    environment: HashMap<String, String>,
    waiting: Vec<RecordBatch>,
    rows: usize,
    printer: Option<Printer<Sink>>,
    pager: Option<Pager>,
}

impl View {
    /// A view of rows under `schema`. `to`: a file or a program; None: standard output.
    pub fn new(display: &Display, schema: &SchemaRef, to: Option<Sink>, environment: &HashMap<String, String>) -> View {
        let fits = display.terminal && to.is_none();
        let screen = if fits { Screen::look(environment) } else { Screen { width: usize::MAX, height: usize::MAX } };
        View {
            display: display.clone(),
            screen,
            schema: schema.clone(),
            to,
            fits,
            environment: environment.clone(),
            waiting: Vec::new(),
            rows: 0,
            printer: None,
            pager: None,
        }
    }

    /// Whether what comes is printed as it comes.
    pub fn has_begun(&self) -> bool {
        self.printer.is_some()
    }

    /// Whether the rows that have come are enough to begin.
    pub fn is_due(&self) -> bool {
        !self.fits || self.lines() >= self.screen.height
    }

    /// Whether the pager was left.
    pub fn is_unread(&mut self) -> bool {
        self.pager.as_mut().is_some_and(Pager::is_over)
    }

    /// Takes rows. They are kept until [`View::begin`].
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<Flow> {
        self.rows += batch.num_rows();
        match &mut self.printer {
            Some(printer) => printer.write(batch),
            None => {
                self.waiting.push(batch.clone());
                Ok(Flow::More)
            }
        }
    }

    /// Begins to print: chooses how by the rows that have come, which are all there are when `whole`.
    pub fn begin(&mut self, whole: bool) -> Result<Flow> {
        if self.printer.is_some() {
            return Ok(Flow::More);
        }
        let mut print = self.display.print.clone();
        self.expand(&mut print)?;
        if !self.fits {
            print = Options { width: None, max_rows: None, ..print };
        }
        let to = match self.to.take() {
            Some(to) => to,
            None if self.fits => self.on_screen(&mut print, whole),
            None => Box::new(std::io::stdout()),
        };
        let mut printer = Printer::new(&print, &self.schema, to);
        let mut flow = Flow::More;
        for batch in std::mem::take(&mut self.waiting) {
            flow = printer.write(&batch)?;
        }
        self.printer = Some(printer);
        Ok(flow)
    }

    /// Prints the rest, and waits until the pager is left.
    pub fn finish(mut self) -> Result<Printed> {
        let _ = self.begin(true)?;
        let printed = self.printer.take().map(Printer::finish).transpose();
        drop(self.pager.take());
        printed.map(|printed| printed.unwrap_or(NOTHING))
    }

    /// Ends after a failure. `show`: what came and is not printed yet is printed.
    pub fn abort(mut self, show: bool) -> Printed {
        if show {
            let _ = self.begin(true);
        }
        let rows = self.rows as u64;
        let printed = self.printer.take().map(Printer::abort);
        drop(self.pager.take());
        printed.unwrap_or(Printed { rows, ..NOTHING })
    }

    /// Lines that the rows so far take on the terminal.
    fn lines(&self) -> usize {
        let expanded = self.display.expanded == When::On || self.display.print.format == Format::Vertical;
        match expanded {
            true => self.rows * (self.schema.fields().len() + 1) + 2,
            false => self.rows + AROUND,
        }
    }

    /// Records instead of a table, where that is wanted.
    fn expand(&self, print: &mut Options) -> Result<()> {
        let wide = || natural_width(print, &self.schema, &self.waiting).map(|width| width > self.screen.width);
        let expanded = match self.display.expanded {
            When::On => true,
            When::Off => false,
            When::Auto => self.fits && wide()?,
        };
        if expanded && print.format == Format::Table {
            print.format = Format::Vertical;
        }
        Ok(())
    }

    /// The pager, or the terminal itself with what it can show.
    fn on_screen(&mut self, print: &mut Options, whole: bool) -> Sink {
        let records =
            print.format == Format::Vertical && self.rows * (self.schema.fields().len() + 1) + 2 > self.screen.height;
        let long = !whole || records || self.lines() > self.screen.height;
        let paged = match self.display.pager {
            When::On => true,
            When::Off => false,
            When::Auto => long,
        };
        if paged && let Some((pager, to)) = Pager::open(&self.environment) {
            self.pager = Some(pager);
            *print = Options {
                max_rows: None,
                width: None,
                widest: Some(WIDEST),
                settle: Some(self.rows.max(1)),
                ..print.clone()
            };
            return Box::new(to);
        }
        print.width = Some(self.screen.width);
        // A table that is cut off after so many rows can be shown before the last has come.
        print.settle = if whole { None } else { Some(print.max_rows.unwrap_or(self.rows)) };
        Box::new(std::io::stdout())
    }
}

/// Of a result that was not printed at all.
const NOTHING: Printed = Printed { rows: 0, hidden_rows: 0, hidden_columns: 0, flow: Flow::More };
