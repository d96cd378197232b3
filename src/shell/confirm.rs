//! The question before a destructive write, for somebody at a terminal. Only `yes`, or `y`, lets it through.

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use crate::session::Proposal;

/// Shows what would be done, and asks once.
pub fn ask(proposal: &Proposal) -> bool {
    let mut screen = std::io::stderr().lock();
    let mut text = format!("{}:\n", proposal.what);
    for request in &proposal.sample {
        let _ = writeln!(text, "  {request}");
    }
    if proposal.more > 0 {
        let _ = writeln!(text, "  and {} more", proposal.more);
    }
    text.push_str("Send it? Type yes to go on: ");
    if screen.write_all(text.as_bytes()).and_then(|()| screen.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "yes" | "y" | "YES" | "Yes")
}
