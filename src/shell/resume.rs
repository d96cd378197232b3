//! `weir resume`: the list of unfinished writes, and going on with one. What that means is the session's affair.

use super::args::{Common, Resume as Typed, Surroundings};
use super::command::{notes, open, read, runner};
use super::script::interruptible;
use crate::error::{Error, Kind, Result};
use crate::session::Resume;
use crate::sql;

/// Runs the command.
///
/// # Errors
/// When rows are left that are not done.
pub async fn run(typed: &Typed, common: &Common, around: &Surroundings) -> Result<()> {
    let (session, _sandbox) = open(common, around, (notes(common.quiet), None)).await?;
    let runner = runner(&session, common, common.print(around)?);
    let mut out = std::io::stdout();
    let Some(id) = &typed.run else {
        return runner.answer(session.list_runs(typed.all)?, &mut out).await.map(drop);
    };
    if typed.forget {
        session.forget_run(id)?;
        runner.report.line(&format!("run {id} is forgotten"));
        return Ok(());
    }
    if typed.show {
        return runner.answer(session.list_run(id)?, &mut out).await.map(drop);
    }
    let input = match &typed.input {
        None => None,
        Some(path) => Some(only_write(&read(path)?)?),
    };
    let resume = Resume { input, resend_unknown: typed.resend_unknown };
    let answer = interruptible(&session, &runner.report, true, Box::pin(session.resume(id, resume))).await?;
    runner.answer(answer, &mut out).await.map(drop)
}

/// The one write of a script; other statements beside it are passed over.
fn only_write(text: &str) -> Result<sql::Statement> {
    let pieces = sql::split(text)?;
    let mut statements = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        statements.push(sql::parse(&piece.text).map_err(|e| piece.locate(e))?);
    }
    let mut writes = statements.into_iter().filter(sql::Statement::is_write);
    match (writes.next(), writes.next()) {
        (Some(write), None) => Ok(write),
        _ => Err(Error::new(
            Kind::Usage,
            "the input must hold the statement that the run was begun with, and no other write",
        )),
    }
}
