//! `weir check`: all that is wrong with scripts, and nothing sent. Owns what is told of it, for people and for machines.
//! The session it is given only checks.

use serde_json::{Value as Json, json};

use super::events;
use super::read::{Act, Reader, Said, Step, Text};
use crate::error::{Error, Place, Result, counted};
use crate::session::Session;
use crate::shell::draw::Source;
use crate::shell::report::Report;
use crate::sql::Statement;

/// One thing that was found.
struct Finding {
    error: Error,
    /// It need not be wrong.
    warning: bool,
}

/// What is found in scripts.
pub struct Check<'a> {
    session: &'a Session,
    reader: Reader<'a>,
    /// What was found, with the text it was found in.
    findings: Vec<(Text, Finding)>,
    statements: u64,
}

impl<'a> Check<'a> {
    pub fn new(session: &'a Session, reader: Reader<'a>) -> Check<'a> {
        Check { session, reader, findings: Vec::new(), statements: 0 }
    }

    /// Checks one script; the ones before it have happened.
    pub async fn script(&mut self, text: Text) {
        let before = self.findings.len();
        let steps = self.reader.read(text.clone());
        for error in std::mem::take(&mut self.reader.problems) {
            self.findings.push((text.clone(), Finding { error, warning: false }));
        }
        Box::pin(self.steps(&steps)).await;
        let key = |(_, finding): &(Text, Finding)| {
            let place = finding.error.place();
            (place.and_then(|p| p.file.clone()), place.map(|p| (p.line, p.column)))
        };
        self.findings[before..].sort_by_key(key);
    }

    async fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.act {
                Act::Statement(said) | Act::Gset(said, _) if said.active != Some(false) => {
                    self.statement(said, &step.source).await;
                }
                Act::Include(_, Some(steps)) => Box::pin(self.steps(steps)).await,
                Act::Include(command, None) => {
                    let place = Place { file: step.source.file.clone(), ..command.place.clone() };
                    let text = "which file is read here is known when the script runs; it is not checked";
                    self.warn(&step.source, Error::statement(text).at(place));
                }
                _ => {}
            }
        }
    }

    async fn statement(&mut self, said: &Said, source: &Text) {
        self.statements += 1;
        // What the parser refuses was found when the script was read.
        let Ok((statement, filled)) = said.parse(&said.known) else { return };
        let own = matches!(statement, Statement::Local(_));
        match self.session.execute(statement).await {
            Ok(answer) => {
                for warning in self.session.close(&answer).warnings {
                    let error = source.named(said.piece.locate(Error::statement(warning)));
                    self.warn(source, error);
                }
            }
            Err(error) => {
                let error = source.named(said.back(error, &filled));
                // A branch that may not be taken may make the same table as another.
                let unsure = !said.later.is_empty() || (own && said.active.is_none());
                match unsure {
                    false => self.findings.push((source.clone(), Finding { error, warning: false })),
                    true => self.warn(source, depending(error, &said.later)),
                }
            }
        }
    }

    fn warn(&mut self, source: &Text, error: Error) {
        self.findings.push((source.clone(), Finding { error, warning: true }));
    }

    /// Tells people what was found.
    pub fn tell(&self, report: &Report) {
        for (text, Finding { error, warning }) in &self.findings {
            if *warning {
                report.warning(&error.to_string());
                if let Some(hint) = error.hint_text() {
                    report.line(&format!("hint: {hint}"));
                }
            } else if error.place().is_none_or(|place| place.file == text.file) {
                report.error_in(error, Source { text: &text.text, file: text.file.as_deref() });
            } else {
                report.error(error);
            }
        }
        let errors = self.findings.iter().filter(|(_, finding)| !finding.warning).count() as u64;
        let warnings = self.findings.len() as u64 - errors;
        report.line(&format!(
            "{} checked, nothing sent: {}, {}",
            counted(self.statements, "statement"),
            counted(errors, "error"),
            counted(warnings, "warning")
        ));
    }

    /// What was found, for machines.
    pub fn list(&self) -> Vec<Json> {
        let each = self.findings.iter().map(|(_, Finding { error, warning })| {
            let mut object = json!({ "severity": if *warning { "warning" } else { "error" } });
            if let (Some(object), Json::Object(fields)) = (object.as_object_mut(), events::error(error)) {
                object.extend(fields);
            }
            object
        });
        each.collect()
    }

    /// The first error.
    ///
    /// # Errors
    /// That one.
    pub fn verdict(&self) -> Result<()> {
        let first = self.findings.iter().find(|(_, finding)| !finding.warning);
        first.map_or(Ok(()), |(_, finding)| Err(finding.error.clone()))
    }
}

/// What may be wrong with a statement whose variables are not known before the script runs.
fn depending(error: Error, later: &[String]) -> Error {
    if later.is_empty() {
        return error;
    }
    let names = later.iter().map(|name| format!(":{name}")).collect::<Vec<_>>().join(" and ");
    error.hint(format!("{names} is set while the script runs; with its value this may be right"))
}
