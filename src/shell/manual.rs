//! The manual's pages, and the completions of bash, zsh and fish, both made from the description of the command line. Owns no
//! word of either: those are in `args` and `help`.

use std::io::{ErrorKind, Write};

use clap_complete::Shell;
use clap_mangen::Man;

use super::help;
use crate::error::{Error, Kind, Result, nearest};

/// Prints what makes a shell complete `weir`.
///
/// # Errors
/// When it cannot be written.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "weir", &mut script);
    print(&script)
}

/// Prints the manual's page of a command; without one, that of weir.
///
/// # Errors
/// When there is no such command.
pub fn page(name: Option<&str>) -> Result<()> {
    let mut root = help::command().disable_help_subcommand(true);
    root.build();
    let command = match name {
        None => root,
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("there is no command `{name}`"));
            match nearest(name, root.get_subcommands().map(clap::Command::get_name)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("weir --help lists the commands"),
            }
        })?,
    };
    let behind = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    let version = format!("weir {}", env!("CARGO_PKG_VERSION"));
    let written = Man::new(command.after_help(None::<&str>).after_long_help(None::<&str>))
        .source(version)
        .manual("weir")
        .render(&mut page);
    written.map_err(|e| Error::new(Kind::Internal, format!("the page cannot be made: {e}")))?;
    for section in behind.split("\n\n") {
        page.extend(verbatim(section).into_bytes());
    }
    print(&page)
}

/// A heading, and lines that keep their ends and blanks.
fn verbatim(section: &str) -> String {
    let (heading, lines) = section.split_once('\n').unwrap_or((section, ""));
    let escaped = lines.replace('\\', "\\e").replace('-', "\\-");
    // A line that begins with a dot or a quote would be one of roff's own; these begin with blanks.
    format!(".SH {}\n.nf\n{escaped}\n.fi\n", heading.trim_end_matches(':').to_uppercase())
}

fn print(bytes: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Usage, format!("this cannot be written: {error}")).caused_by(error))
        }
        _ => Ok(()),
    }
}
