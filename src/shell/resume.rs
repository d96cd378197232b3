//! `weir resume`: the list of unfinished writes, and going on with one. What that means is the session's affair.

use std::path::Path;

use super::args::{Common, Resume as Typed, Surroundings};
use super::command::{World, notes, read, runner};
use super::config::setup;
use super::script::{Reader, Text, interruptible, spoken};
use super::signals;
use crate::error::{Error, Kind, Result};
use crate::session::Resume;
use crate::sql::Statement;

/// Runs the command.
///
/// # Errors
/// When rows are left that are not done.
pub async fn run(typed: &Typed, common: &Common, around: &Surroundings) -> Result<()> {
    let setup = setup(common, around, None)?;
    let world = World::new(common).await?;
    let session = world.session((common, &setup), around, (notes(common.quiet), None))?;
    let runner = runner(&session, (common, &setup), common.print(around, setup.output)?);
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
        Some(path) => Some(only_write(path, typed, around)?),
    };
    signals::listen();
    let resume = Resume { input, resend_unknown: typed.resend_unknown };
    let answer = interruptible(&session, &runner.report, true, Box::pin(session.resume(id, resume))).await?;
    runner.answer(answer, &mut out).await.map(drop)
}

/// The one write of a script; other statements beside it are passed over.
fn only_write(path: &Path, typed: &Typed, around: &Surroundings) -> Result<Statement> {
    let text = Text { file: Some(path.display().to_string()), text: read(path)? };
    let (given, template) = (typed.values.variables()?, typed.values.template()?);
    let mut reader = Reader::new(&given, (template.as_ref(), around.home.as_deref()));
    let steps = reader.read(text.clone());
    if let Some(error) = reader.problems.into_iter().next() {
        return Err(error);
    }
    let mut writes = Vec::new();
    for said in spoken(&steps) {
        let mut variables = said.known.clone();
        variables.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        let (statement, _) = said.parse(&variables).map_err(|error| text.named(error))?;
        if statement.is_write() && said.active != Some(false) {
            if let Some(name) = said.later.iter().find(|name| !given.contains_key(*name)) {
                let what = format!("the write takes `:{name}`, which was set while the script ran");
                return Err(Error::new(Kind::Usage, what).hint(format!("give its value: --var {name}=value")));
            }
            writes.push(statement);
        }
    }
    match (writes.pop(), writes.is_empty()) {
        (Some(write), true) => Ok(write),
        _ => Err(Error::new(
            Kind::Usage,
            "the input must hold the statement that the run was begun with, and no other write",
        )),
    }
}
