//! The line on standard error that tells how far a statement is, while it runs and has printed nothing yet.
//! Owns when it appears and what it says; it is there only on a terminal, and gone before anything else is printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::counted;
use crate::session::{Reached, Session};

/// A statement that takes no longer shows no line: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often it is drawn.
const BEAT: Duration = Duration::from_millis(100);

/// The line. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: bool,
    bar: Option<ProgressBar>,
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives `work`, and draws beside it until [`Live::end`].
    pub async fn beside<T>(&self, session: &Session, work: impl Future<Output = T>) -> T {
        self.state().running = true;
        let (begun, number) = (Instant::now(), session.statements() + 1);
        let drawing = async {
            tokio::time::sleep(PATIENCE).await;
            loop {
                self.draw(session, number, begun.elapsed());
                tokio::time::sleep(BEAT).await;
            }
        };
        let done = tokio::select! {
            done = work => done,
            never = drawing => never,
        };
        self.end();
        done
    }

    /// Takes the line away; it does not come again for this statement.
    pub fn end(&self) {
        let mut state = self.state();
        state.running = false;
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Says something while the line may be there.
    pub fn say(&self, text: &str) {
        let state = self.state();
        let say = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match &state.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn draw(&self, session: &Session, number: u64, elapsed: Duration) {
        let mut state = self.state();
        if !state.running {
            return;
        }
        let bar = state.bar.get_or_insert_with(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        let (reached, totals) = (session.reached(), session.log().totals(number));
        let bounds = match (reached.written, reached.total) {
            (Some(written), _) => Some(written),
            (None, total) => total.map(|total| (reached.rows.min(total), total)),
        };
        let template = match (reached.written, bounds) {
            (Some(_), _) => "[{bar:20}] {pos}/{len} rows written, {wide_msg}",
            (None, Some(_)) => "[{bar:20}] {pos}/{len} rows, {wide_msg}",
            (None, None) => "{spinner} {wide_msg}",
        };
        if let Some((_, all)) = bounds {
            bar.set_length(all);
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        bar.set_position(bounds.map_or(reached.rows, |(done, _)| done));
        bar.set_message(line(reached, (totals.requests, totals.retried, totals.waited), elapsed));
        bar.tick();
    }
}

/// `3 pages, 150 rows, 4.2 requests/s, 1 retried, waited 0.5 s, 2.1 s`; rows stand in the bar where there is one.
fn line(reached: Reached, (requests, retried, waited): (u64, u64, Duration), elapsed: Duration) -> String {
    let mut line = match reached.pages {
        _ if reached.written.is_some() => counted(requests, "request"),
        0 => counted(requests, "request"),
        pages => counted(pages, "page"),
    };
    if reached.total.is_none() && reached.pages > 0 && reached.written.is_none() {
        let _ = write!(line, ", {}", counted(reached.rows, "row"));
    }
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
    let pace = requests as f64 / seconds.max(0.1);
    let _ = write!(line, ", {pace:.1} requests/s");
    if retried > 0 {
        let _ = write!(line, ", {retried} retried");
    }
    if waited.as_secs_f64() >= 0.05 {
        let _ = write!(line, ", waited {:.1} s", waited.as_secs_f64());
    }
    let _ = write!(line, ", {seconds:.1} s");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_has_come_and_what_it_cost() {
        let said = |pages, rows, total, totals| {
            line(Reached { pages, rows, total, written: None }, totals, Duration::from_secs(2))
        };
        let second = Duration::from_secs(1);
        assert_eq!(said(0, 0, None, (1, 0, Duration::ZERO)), "1 request, 0.5 requests/s, 2.0 s");
        assert_eq!(
            said(3, 150, None, (4, 1, second)),
            "3 pages, 150 rows, 2.0 requests/s, 1 retried, waited 1.0 s, 2.0 s"
        );
        assert_eq!(said(3, 150, Some(500), (3, 0, Duration::ZERO)), "3 pages, 1.5 requests/s, 2.0 s");
    }

    #[test]
    fn a_line_that_has_ended_is_not_drawn() {
        let live = Live::default();
        live.end();
        assert!(live.state().bar.is_none() && !live.state().running);
    }
}
