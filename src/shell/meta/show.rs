//! Commands that look around: `\d`, `\dm`, `\dn`, `\l`, `\requests`, `\chart`, `\?`, `\h`.
//! They ask the session in SQL, and send nothing.

use std::fmt::Write as _;

use super::COMMANDS;
use super::syntax::STATEMENTS;
use crate::error::{Error, Kind, Result, nearest};
use crate::output::widths_of;
use crate::shell::desk::Desk;
use crate::shell::view::{Canvas, Chart, Screen, draw};

impl Desk<'_> {
    /// `\l`
    pub(super) fn providers(&mut self, more: bool) -> Result<()> {
        self.query(&format!("SHOW {}PROVIDERS", extended(more)))
    }

    /// `\dn`
    pub(super) fn services(&mut self, rest: &str, more: bool) -> Result<()> {
        let within = if rest.is_empty() { String::new() } else { format!(" IN {rest}") };
        self.query(&format!("SHOW {}SERVICES{within}", extended(more)))
    }

    /// `\d` and `\dt`: what can be read here, or one table.
    pub(super) fn tables(&mut self, rest: &str, more: bool) -> Result<()> {
        if !rest.is_empty() {
            return self.describe(rest, more);
        }
        self.query("SHOW TABLES")?;
        match self.session.in_use().as_slice() {
            [] => self.providers(more),
            [provider] => self.services(&quoted(provider), more),
            [provider, service, ..] => {
                self.query(&format!("SHOW {}RESOURCES IN {}.{}", extended(more), quoted(provider), quoted(service)))
            }
        }
    }

    /// Columns, parameters and methods of one table.
    fn describe(&mut self, name: &str, more: bool) -> Result<()> {
        let Some(of_it) = self.resource(name) else {
            return self.query(&format!("DESCRIBE {}{name}", extended(more)));
        };
        let (hidden, description) = if more { ("", ", description") } else { (" AND NOT hidden", "") };
        let note = "concat_ws(', ', CASE WHEN parameter THEN 'parameter' END, CASE WHEN secret THEN 'secret' END, \
                    CASE WHEN only_by_key THEN 'one request a row' END)";
        self.query(&format!(
            "SELECT name, type, {note} AS note{description} FROM system.registry.columns WHERE {of_it}{hidden} ORDER BY \
             position"
        ))?;
        self.report.line("parameters of its methods, bodies left out:");
        self.query(&format!(
            "SELECT name, min(type) AS type, min(shape) AS shape, string_agg(method || CASE WHEN param_type = \
             'input_required' THEN '' ELSE ' (optional)' END, ', ' ORDER BY position) AS methods FROM \
             system.registry.parameters WHERE {of_it} AND param_type <> 'output' AND location <> 'body' GROUP BY name \
             ORDER BY min(position)"
        ))?;
        self.report.line("methods:");
        self.methods(name, more)
    }

    /// `\dm`
    pub(super) fn methods(&mut self, rest: &str, more: bool) -> Result<()> {
        if !rest.is_empty() {
            return self.query(&format!("SHOW {}METHODS IN {rest}", extended(more)));
        }
        let in_use = self.session.in_use();
        let [provider, service, ..] = in_use.as_slice() else {
            return Err(Error::new(Kind::Usage, "\\dm needs a table, or a service in use")
                .hint("\\dm provider.service.table, or \\c provider.service first"));
        };
        self.query(&format!(
            "SELECT resource, name, sql_verb, required_params FROM system.registry.methods WHERE provider = {} AND \
             service = {} ORDER BY resource, position",
            text(provider),
            text(service)
        ))
    }

    /// The terms that a provider's table has in `system.registry`; None for a name that is none.
    fn resource(&self, name: &str) -> Option<String> {
        let mut parts: Vec<String> = name.split('.').map(|part| part.trim().trim_matches('"').to_lowercase()).collect();
        let in_use = self.session.in_use();
        let before = in_use.get(..3_usize.checked_sub(parts.len())?)?;
        parts.splice(0..0, before.iter().cloned());
        let [provider, service, table] = parts.as_slice() else { return None };
        self.session.registry().resource(provider, service, table).ok()?;
        Some(format!("provider = {} AND service = {} AND resource = {}", text(provider), text(service), text(table)))
    }

    /// `\requests`
    pub(super) fn requests(&mut self) -> Result<()> {
        if self.number == 0 {
            return Err(Error::new(Kind::Usage, "no statement was run yet"));
        }
        self.query(&format!(
            "SELECT method, url, status, attempts, bytes, waited_ms, taken_ms, error FROM system.session.requests WHERE \
             statement = {} ORDER BY started",
            self.number
        ))
    }

    /// `\chart`
    pub(super) fn chart(&self, rest: &str) -> Result<String> {
        let chart = Chart::read(&super::words(rest.trim_end_matches(';'), &self.variables)?)?;
        let kept = self.last.as_ref().ok_or_else(|| {
            Error::new(Kind::Usage, "there is no result to draw yet").hint("run a SELECT first; \\chart draws its rows")
        })?;
        kept.check()?;
        let screen = Screen::look(self.environment);
        let canvas = Canvas { width: screen.width.min(120), height: screen.height, blocks: self.knows_blocks() };
        draw(&chart, kept.schema(), kept.batches(), canvas)
    }

    /// Whether the terminal is said to understand more than ASCII.
    fn knows_blocks(&self) -> bool {
        let set = |name: &&str| self.environment.get(*name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
        locale.is_some_and(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}

/// `\h`
pub(super) fn help(rest: &str) -> Result<String> {
    let wanted = rest.trim_end_matches(';').to_uppercase();
    if wanted.is_empty() {
        let names: Vec<&str> = STATEMENTS.iter().map(|(name, _)| *name).collect();
        return Ok(format!("\\h followed by one of: {}", names.join(", ")));
    }
    let mut found = STATEMENTS.iter().filter(|(name, _)| name.starts_with(&wanted) || wanted.starts_with(name));
    let texts: Vec<&str> = found.by_ref().map(|(_, text)| *text).collect();
    if texts.is_empty() {
        let error = Error::new(Kind::Usage, format!("there is no help for {wanted}"));
        return Err(match nearest(&wanted, STATEMENTS.iter().map(|(name, _)| *name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("\\h lists the statements"),
        });
    }
    Ok(texts.join("\n\n"))
}

/// The text of `\?`.
pub(super) fn commands() -> String {
    let wide = |(name, arguments, _): &&(&str, &str, &str)| format!("{name} {arguments}");
    let shown: Vec<String> = COMMANDS.iter().map(|command| wide(&command)).collect();
    let widest = widths_of(&shown).into_iter().max().unwrap_or_default();
    let mut text = String::from(
        "Statements end with `;` and may span lines: SHOW PROVIDERS; DESCRIBE a.b.c; EXPLAIN SELECT ..;\n\
         Ctrl-C cancels a statement. :name is the value of a variable, _ the last result.\n",
    );
    for ((name, _, help), shown) in COMMANDS.iter().zip(shown) {
        let _ = match name.is_empty() {
            true => writeln!(text, "{help}"),
            false => writeln!(text, "  {shown:widest$}  {help}"),
        };
    }
    text.trim_end().to_owned()
}

fn extended(more: bool) -> &'static str {
    if more { "EXTENDED " } else { "" }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
