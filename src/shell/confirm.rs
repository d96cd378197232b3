//! The question before a destructive write, for somebody at a terminal. Only `yes` lets it through.

use std::io::{BufRead, Write};

use crate::session::Proposal;

/// Shows what would be done, and asks once.
pub fn ask(proposal: &Proposal) -> bool {
    let mut screen = std::io::stderr().lock();
    let mut text = format!("{}:\n", proposal.what);
    for request in &proposal.sample {
        text.push_str(&format!("  {request}\n"));
    }
    if proposal.more > 0 {
        text.push_str(&format!("  and {} more\n", proposal.more));
    }
    text.push_str("Send it? Type yes to go on: ");
    if screen.write_all(text.as_bytes()).and_then(|()| screen.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "yes" | "y" | "YES" | "Yes")
}
