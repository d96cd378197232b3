//! `\watch`: a read again and again, drawn in the same place, with what changed standing out.
//! Owns the rounds and the comparison; each round is a statement like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;

use super::Command;
use super::reuse::rows_of;
use crate::error::{Error, Kind, Result};
use crate::output::{Cells, Format, Options, Printer, natural_width, widths_of};
use crate::session::{Kept, Summary};
use crate::shell::desk::{Desk, Way};
use crate::shell::view::{Screen, When, clock};
use crate::sql::{self, Statement};

/// How often where nothing is said.
const USUAL: Duration = Duration::from_secs(2);
/// Lines that stand around the rows of a round.
const AROUND: usize = 8;

/// What `\watch` was told.
#[derive(Debug, PartialEq, Eq)]
struct Rounds {
    every: Duration,
    /// So many times; None: until somebody ends it.
    times: Option<u64>,
}

impl Rounds {
    /// `5`, `i=5`, `c=3`.
    fn read(words: &[String]) -> Result<Rounds> {
        let mut rounds = Rounds { every: USUAL, times: None };
        for word in words {
            let wrong = || {
                Error::new(Kind::Usage, format!("`{word}` is neither seconds nor a number of times"))
                    .hint("\\watch 5, or \\watch 5 c=3 for three times")
            };
            match word.split_once('=') {
                Some(("c" | "count", times)) => rounds.times = Some(times.parse().map_err(|_| wrong())?),
                Some(("i" | "interval", _)) | None => {
                    let seconds = word.rsplit('=').next().and_then(|text| text.parse::<f64>().ok());
                    let every = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                    rounds.every = every.ok_or_else(wrong)?;
                }
                Some(_) => return Err(wrong()),
            }
        }
        Ok(rounds)
    }
}

impl Desk<'_> {
    /// `\watch`
    pub(super) fn watch(&mut self, command: &Command) -> Result<()> {
        let piece = self.meant(command)?;
        let rounds = Rounds::read(&super::words(command.rest.trim_end_matches(';'), &self.variables)?)?;
        let filled =
            crate::shell::variables::fill(&piece.text, &self.variables).map_err(|error| piece.locate(error))?;
        let statement = sql::parse(&filled.text).map_err(|error| piece.locate(error))?;
        if !matches!(statement, Statement::Query(_) | Statement::Show(_) | Statement::Describe(_)) {
            return Err(Error::new(Kind::Usage, format!("\\watch repeats reads, and {} is none", statement.verb()))
                .hint("nothing was sent; watch a SELECT of what it changes"));
        }
        let (mut before, mut drawn, mut round) = (None, 0, 0);
        while rounds.times.is_none_or(|times| round < times) {
            round += 1;
            // Listened for from here on, so that Ctrl-C counts that is pressed while the round is drawn.
            let mut pressed = Box::pin(tokio::signal::ctrl_c());
            let early = self.runtime.block_on(async { pressed.as_mut().now_or_never() }).is_some();
            let gathered = match self.statement(&piece, Way { gather: true, ..Way::default() }) {
                Err(error) if error.kind() == Kind::Interrupted => return Ok(()),
                gathered => gathered?,
            };
            let (Some(kept), Some(summary)) = (gathered.kept, gathered.summary) else { return Ok(()) };
            let rows = rows_of(&kept)?;
            let marked = before.as_ref().map(|before| changes(before, &rows)).unwrap_or_default();
            let title = format!("{}, every {} s", clock(SystemTime::now()), rounds.every.as_secs_f64());
            drawn = self.draw_round((&title, &kept, &summary), marked, drawn)?;
            before = Some(rows);
            if rounds.times == Some(round) {
                break;
            }
            let waited = async {
                tokio::select! {
                    () = tokio::time::sleep(rounds.every) => true,
                    _ = pressed => false,
                }
            };
            if early || !self.runtime.block_on(waited) {
                break;
            }
        }
        Ok(())
    }

    /// Draws one round over the lines of the one before; how many lines it took.
    fn draw_round(
        &self,
        (title, kept, summary): (&str, &Kept, &Summary),
        marked: BTreeSet<(usize, usize)>,
        above: usize,
    ) -> Result<usize> {
        let screen = self.display.terminal.then(|| Screen::look(self.environment));
        let print = self.round_options(kept, screen)?;
        let plain = laid_out(&print, kept)?;
        let text = match screen.is_some() && !marked.is_empty() {
            true => laid_out(&Options { marked: Arc::new(marked), ..print }, kept)?,
            false => plain.clone(),
        };
        let warnings = summary.warnings.iter().map(|text| self.report.cleaned(&format!("warning: {text}")));
        let mut below: Vec<String> = warnings.collect();
        if self.timing {
            below.push(summary.line(kept.rows() as u64));
        }
        let mut out = std::io::stdout().lock();
        let mut block = String::new();
        if let Some(height) = screen.map(|screen| screen.height.saturating_sub(1)).filter(|_| above > 0) {
            let _ = write!(block, "\x1b[{}A\r\x1b[J", above.min(height));
        }
        let _ = write!(block, "{title}\n{text}");
        for line in &below {
            let _ = writeln!(block, "{line}");
        }
        let written = out.write_all(block.as_bytes()).and_then(|()| out.flush());
        written.map_err(|e| Error::new(Kind::Usage, format!("the result could not be written: {e}")))?;
        let width = screen.map_or(usize::MAX, |screen| screen.width.max(1));
        let lines: Vec<&str> =
            std::iter::once(title).chain(plain.lines()).chain(below.iter().map(String::as_str)).collect();
        Ok(widths_of(&lines).into_iter().map(|line| line.div_ceil(width).max(1)).sum())
    }

    /// What fits the screen: the same place is drawn again only while nothing has scrolled away.
    fn round_options(&self, kept: &Kept, screen: Option<Screen>) -> Result<Options> {
        let mut print = self.display.print.clone();
        let Some(screen) = screen else { return Ok(print) };
        let wide = || natural_width(&print, kept.schema(), kept.batches()).map(|width| width > screen.width);
        let expanded = match self.display.expanded {
            When::On => true,
            When::Off => false,
            When::Auto => wide()?,
        };
        if expanded && print.format == Format::Table {
            print.format = Format::Vertical;
        }
        let room = screen.height.saturating_sub(AROUND).max(1);
        let a_row = if print.format == Format::Vertical { kept.schema().fields().len() + 1 } else { 1 };
        print.max_rows = Some((room / a_row).max(1));
        print.width = Some(screen.width);
        Ok(print)
    }
}

fn laid_out(print: &Options, kept: &Kept) -> Result<String> {
    let mut bytes = Vec::new();
    let mut printer = Printer::new(print, kept.schema(), &mut bytes);
    for batch in kept.batches() {
        let _ = printer.write(batch)?;
    }
    let hidden = printer.finish()?.hidden_rows;
    let more = if hidden > 0 { format!("and {}\n", crate::error::counted(hidden, "more row")) } else { String::new() };
    Ok(String::from_utf8_lossy(&bytes).into_owned() + &more)
}

/// The cells (row, column) of `now` that are not as they were. Rows are told by their first column where that tells
/// them, else by their place; a row that was not there is all new.
fn changes(before: &Cells, now: &Cells) -> BTreeSet<(usize, usize)> {
    let keys = |rows: &Cells| -> Option<BTreeMap<Option<String>, usize>> {
        let keys: BTreeMap<_, _> =
            rows.iter().enumerate().map(|(at, row)| (row.first().cloned().flatten(), at)).collect();
        (keys.len() == rows.len()).then_some(keys)
    };
    let known = keys(before).filter(|_| keys(now).is_some());
    let mut changed = BTreeSet::new();
    for (at, row) in now.iter().enumerate() {
        let was = match &known {
            Some(known) => known.get(&row.first().cloned().flatten()).and_then(|at| before.get(*at)),
            None => before.get(at),
        };
        for (column, cell) in row.iter().enumerate() {
            if was.and_then(|was| was.get(column)) != Some(cell) {
                changed.insert((at, column));
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Cells {
        rows.iter().map(|row| row.iter().map(|cell| Some((*cell).to_owned())).collect()).collect()
    }

    #[test]
    fn what_changed_is_found_by_the_first_column_and_else_by_place() {
        let before = rows(&[&["a", "LIVE"], &["b", "IDLE"]]);
        let moved = rows(&[&["b", "LIVE"], &["c", "IDLE"], &["a", "LIVE"]]);
        assert_eq!(changes(&before, &moved).into_iter().collect::<Vec<_>>(), [(0, 1), (1, 0), (1, 1)]);
        let same = rows(&[&["x", "1"], &["x", "2"]]);
        let other = rows(&[&["x", "1"], &["x", "3"]]);
        assert_eq!(changes(&same, &other).into_iter().collect::<Vec<_>>(), [(1, 1)]);
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn rounds_are_seconds_and_times() {
        let read = |text: &str| Rounds::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let rounds = |seconds: f64, times| Rounds { every: Duration::from_secs_f64(seconds), times };
        assert_eq!(read("").unwrap(), rounds(2.0, None));
        assert_eq!(read("0.5").unwrap(), rounds(0.5, None));
        assert_eq!(read("i=5 c=3").unwrap(), rounds(5.0, Some(3)));
        for wrong in ["x", "-1", "c=x", "every=2", "1e400"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
