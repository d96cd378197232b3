//! SHOW and DESCRIBE: a SELECT over `system.registry` and `system.session`, with StackQL's columns. Sends nothing.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use sqlparser::ast::Ident;

use super::query::statement_of;
use super::{Answer, Rows, Run, Session};
use crate::error::{Error, Kind, Result, nearest};
use crate::http::Credentials;
use crate::registry::{
    Choice, CredentialSource, Kind as ValueKind, Method, Resource, Verb, required, sql_name, taken, takes,
};
use crate::sql::{Describe, Described, Show, Statement, What, parse};

/// How many problems of documents a statement tells at length.
const PROBLEMS: usize = 5;

impl Session {
    pub(super) async fn show(&self, run: &Run, show: &Show) -> Result<Answer> {
        let extended = show.extended;
        let (columns, table, mut terms, order) = match &show.what {
            What::Providers => {
                let more = if extended { ", title, description, unsupported" } else { "" };
                (format!("name, version{more}"), "registry.providers", Vec::new(), "name")
            }
            What::Services { provider } => {
                let provider = self.provider_of(provider.as_ref())?;
                let more = if extended { ", description, version, preferred" } else { "" };
                (format!("id, name, title{more}"), "registry.services", vec![is("provider", &provider)], "name")
            }
            What::Resources { service } => {
                let (provider, service) = self.service_of(service)?;
                let more = if extended { ", title, description" } else { "" };
                let terms = vec![is("provider", &provider), is("service", &service)];
                (format!("name, id{more}"), "registry.resources", terms, "name")
            }
            What::Methods { resource } => {
                let resource = self.with_names(|names| names.resource(resource))?;
                let more =
                    if extended { ", description, optional_params AS \"OptionalParams\", unsupported" } else { "" };
                let columns = format!(
                    "name AS \"MethodName\", required_params AS \"RequiredParams\", sql_verb AS \"SQLVerb\"{more}"
                );
                (columns, "registry.methods", of_resource(&resource), "position")
            }
            What::Settings => {
                ("name, value, \"default\", source, description".to_owned(), "session.settings", Vec::new(), "name")
            }
            What::Setting(name) => {
                let (name, value) = self.setting(name)?;
                return Ok(Answer::rows(run, one_column(&name, vec![value])?));
            }
            What::Insert { table, columns, required_only } => {
                let resource = self.with_names(|names| names.resource(table))?;
                let texts = templates(&resource, columns, *required_only)?;
                return Ok(Answer::rows(run, one_column("insert_statement", texts.into_iter().map(Some).collect())?));
            }
            What::Version => return self.version(run, extended).await,
            What::Auth { provider } => return self.auth(run, provider.as_ref()),
            What::Tables { .. } => {
                let names = self.engine.own_tables().into_iter().map(Some).collect();
                return Ok(Answer::rows(run, one_column("table_name", names)?));
            }
            What::Functions => {
                return Err(Error::statement("SHOW FUNCTIONS is not supported")
                    .hint("the functions are DataFusion's; its SQL reference lists them"));
            }
        };
        if let Some(pattern) = &show.like {
            terms.push(format!("name LIKE {}", quoted(pattern)));
        }
        let filter = if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) };
        let rows =
            self.rows_of_sql(run, &format!("SELECT {columns} FROM system.{table}{filter} ORDER BY {order}")).await?;
        self.warn_of_problems(run);
        Ok(Answer::rows(run, rows))
    }

    pub(super) async fn describe(&self, run: &Run, describe: &Describe) -> Result<Answer> {
        let text = match &describe.what {
            Described::Table(name) => {
                if let Some(text) = self.own_table(run, name, describe.extended).await? {
                    return Ok(text);
                }
                let resource = self.with_names(|names| names.resource(name))?;
                if !resource.views.is_empty() {
                    return self.view(run, &resource, describe.extended).await;
                }
                let more = if describe.extended { ", description" } else { "" };
                let hidden = if describe.extended { "" } else { " AND NOT hidden" };
                let terms = of_resource(&resource).join(" AND ");
                format!("SELECT name, type{more} FROM system.registry.columns WHERE {terms}{hidden} ORDER BY position")
            }
            Described::Method(name) => {
                let Some((method, table)) = name.split_last() else {
                    return Err(Error::statement("DESCRIBE METHOD needs provider.service.resource.method"));
                };
                let resource = self.with_names(|names| names.resource(table))?;
                let method = method_of(&resource, method)?;
                let more = if describe.extended { ", description" } else { "" };
                let terms = of_resource(&resource).join(" AND ");
                let term = is("method", &method.name);
                format!(
                    "SELECT name, type, param_type, shape{more} FROM system.registry.parameters WHERE {terms} AND \
                     {term} ORDER BY position"
                )
            }
        };
        Ok(Answer::rows(run, self.rows_of_sql(run, &text).await?))
    }

    /// DESCRIBE of a table, view or file of the session.
    async fn own_table(&self, run: &Run, name: &[Ident], extended: bool) -> Result<Option<Answer>> {
        let [only] = name else { return Ok(None) };
        let is_own = self.engine.own_tables().contains(&crate::plan::folded(only));
        let is_file = only.quote_style.is_some() && only.value.contains(['.', '/']);
        if !is_own && !is_file {
            return Ok(None);
        }
        let quoted = format!("\"{}\"", only.value.replace('"', "\"\""));
        let table = if is_file { quoted } else { only.to_string() };
        let rows = self.rows_of_sql(run, &format!("SELECT * FROM {table} LIMIT 0")).await?;
        let fields = rows.schema().fields().clone();
        let names = fields.iter().map(|f| Some(f.name().clone())).collect();
        let types = fields.iter().map(|f| Some(f.data_type().to_string().to_lowercase())).collect();
        let mut columns = vec![("name", names), ("type", types)];
        if extended {
            columns.push(("description", vec![None; fields.len()]));
        }
        Ok(Some(Answer::rows(run, ready(columns)?)))
    }

    /// DESCRIBE of a view: the columns that its query has once it is planned. Nothing is sent.
    async fn view(&self, run: &Run, resource: &Resource, extended: bool) -> Result<Answer> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let table = [&resource.provider, &resource.service, &resource.name].map(|name| quoted(name)).join(".");
        // What it needs is there for planning; it is not looked at.
        let needs = resource.views.first().map(|view| view.needs.as_slice()).unwrap_or_default();
        let needs: Vec<String> = needs.iter().map(|name| format!("{} = ''", quoted(&sql_name(name)))).collect();
        let filter = if needs.is_empty() { String::new() } else { format!(" WHERE {}", needs.join(" AND ")) };
        let Statement::Query(query) = parse(&format!("SELECT * FROM {table}{filter}"))? else {
            return Err(Error::new(Kind::Internal, "DESCRIBE of a view is no query"));
        };
        let planned = self.plan(run, statement_of(*query)).await?;
        let fields = planned.logical.schema().fields();
        let names = fields.iter().map(|field| Some(field.name().clone())).collect();
        let types = fields.iter().map(|field| Some(word(field.data_type()).to_owned())).collect();
        let mut columns = vec![("name", names), ("type", types)];
        if extended {
            let told = |name: &String| resource.column(name).map(|c| c.description.clone()).filter(|d| !d.is_empty());
            columns.push(("description", fields.iter().map(|field| told(field.name())).collect()));
        }
        Ok(Answer::rows(run, ready(columns)?))
    }

    fn provider_of(&self, named: Option<&Ident>) -> Result<String> {
        let in_use = self.in_use();
        let name = named.map(|i| i.value.clone()).or_else(|| in_use.first().cloned());
        let name = name.ok_or_else(|| {
            Error::statement("SHOW SERVICES needs a provider")
                .hint("SHOW SERVICES IN provider; SHOW PROVIDERS lists them")
        })?;
        Ok(self.registry.provider(&name)?.name.clone())
    }

    fn service_of(&self, named: &[Ident]) -> Result<(String, String)> {
        let in_use = self.in_use();
        let names: Vec<String> = named.iter().map(|i| i.value.clone()).collect();
        let (([provider, service], _) | ([], [provider, service, ..]) | ([service], [provider, ..])) =
            (names.as_slice(), in_use.as_slice())
        else {
            return Err(Error::statement("SHOW RESOURCES needs provider.service")
                .hint("SHOW SERVICES IN provider lists the services"));
        };
        self.registry.service(provider, service)?;
        Ok((provider.clone(), service.clone()))
    }

    async fn version(&self, run: &Run, extended: bool) -> Result<Answer> {
        let more = if extended {
            format!(", {} AS platform", quoted(&format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH)))
        } else {
            String::new()
        };
        let text = format!("SELECT {} AS version{more}", quoted(env!("CARGO_PKG_VERSION")));
        Ok(Answer::rows(run, self.rows_of_sql(run, &text).await?))
    }

    /// Who signs in, by what; never with what.
    fn auth(&self, run: &Run, provider: Option<&Ident>) -> Result<Answer> {
        let provider = self.registry.provider(&self.provider_of(provider)?)?;
        let value = |name: &str| self.variables.get(name).map(String::as_str);
        let found = provider.access.schemes.iter().find(|scheme| scheme.is_set(value)).map(|scheme| {
            let sources: Vec<String> = scheme.sources().into_iter().map(CredentialSource::label).collect();
            (scheme.kind.clone(), sources.join(", "))
        });
        let (kind, source) = found.unzip();
        // What to set stands where the source would.
        let missing = Credentials::absence(&provider.access, &run.context.keyring);
        let source = source.filter(|source| !source.is_empty()).or(missing.map(|error| error.message().to_owned()));
        Ok(Answer::rows(run, ready(vec![("principal", vec![None]), ("type", vec![kind]), ("source", vec![source])])?))
    }

    /// What could not be used of the documents is told once, the first of it at length, and hides nothing else.
    fn warn_of_problems(&self, run: &Run) {
        let problems = self.registry.new_problems();
        for problem in problems.iter().take(PROBLEMS) {
            run.context.warnings.add(problem.clone());
        }
        if let Some(more) = problems.len().checked_sub(PROBLEMS).filter(|more| *more > 0) {
            run.context.warnings.add(format!("and {more} more: SELECT * FROM system.registry.problems"));
        }
    }
}

/// The method of that name, exact or but for case.
pub(super) fn method_of(resource: &Resource, name: &Ident) -> Result<Arc<Method>> {
    let exact = resource.method(&name.value);
    let found = exact.or_else(|| resource.methods.iter().find(|m| m.name.eq_ignore_ascii_case(&name.value)));
    found.cloned().ok_or_else(|| {
        let full = resource.full_name();
        let error = Error::statement(format!("{full} has no method `{}`", name.value));
        let error = match nearest(&name.value, resource.methods.iter().map(|m| m.name.as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`? SHOW METHODS IN {full} lists them all")),
            None => error.hint(format!("SHOW METHODS IN {full} lists them")),
        };
        match crate::plan::place(name) {
            Some(place) => error.at(place),
            None => error,
        }
    })
}

/// A type in the words of documents.
fn word(kind: &DataType) -> &'static str {
    let kind = match kind {
        DataType::Boolean => ValueKind::Boolean,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ValueKind::Timestamp,
        kind if kind.is_integer() => ValueKind::Integer,
        kind if kind.is_numeric() => ValueKind::Number,
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => ValueKind::String,
        _ => ValueKind::Any,
    };
    kind.word()
}

fn is(column: &str, value: &str) -> String {
    format!("{column} = {}", quoted(value))
}

fn of_resource(resource: &Resource) -> Vec<String> {
    vec![is("provider", &resource.provider), is("service", &resource.service), is("resource", &resource.name)]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn one_column(name: &str, values: Vec<Option<String>>) -> Result<Rows> {
    ready(vec![(name, values)])
}

/// Rows of texts.
pub(super) fn ready(columns: Vec<(&str, Vec<Option<String>>)>) -> Result<Rows> {
    let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8View, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays: Vec<ArrayRef> =
        columns.into_iter().map(|(_, values)| Arc::new(StringViewArray::from_iter(values)) as ArrayRef).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays)
        .map_err(|e| Error::new(Kind::Internal, format!("rows could not be made: {e}")))?;
    Ok(Rows::ready(schema, vec![batch], None))
}

/// An INSERT to fill in for each method of INSERT (for the one that takes all of `columns`, where some are named).
fn templates(resource: &Resource, columns: &[Ident], required_only: bool) -> Result<Vec<String>> {
    let full = resource.full_name();
    let methods: Vec<&Arc<Method>> = resource.methods_of(Verb::Insert).collect();
    if methods.is_empty() {
        return Err(Error::statement(format!("{full} does not support INSERT"))
            .hint(format!("SHOW METHODS IN {full} lists what it supports")));
    }
    let mut texts = Vec::new();
    for method in methods {
        let needs: Vec<&str> = required(method).collect();
        let mut names: Vec<&str> = needs.clone();
        names.extend(taken(method).filter(|n| !needs.contains(n)));
        if !columns.is_empty() {
            if columns.iter().any(|c| takes(method, &c.value).is_none()) {
                continue;
            }
            names.retain(|n| columns.iter().any(|c| c.value.eq_ignore_ascii_case(n)));
        } else if required_only {
            names.retain(|n| needs.contains(n));
        }
        let values: Vec<String> = names.iter().map(|n| placeholder(method, n)).collect();
        let returning: Vec<&str> = method.answer.envelope.iter().map(|c| c.name.as_str()).collect();
        let returning = if returning.is_empty() { vec!["*"] } else { returning };
        texts.push(format!(
            "INSERT INTO {full} ({}) SELECT {} RETURNING {};",
            names.join(", "),
            values.join(", "),
            returning.join(", ")
        ));
    }
    if texts.is_empty() {
        return Err(Error::statement(format!("no method of {full} takes all these columns"))
            .hint(format!("SHOW EXTENDED METHODS IN {full} tells what each takes")));
    }
    Ok(texts)
}

/// `'{{ name }}'`, bare for numbers and booleans.
fn placeholder(method: &Method, name: &str) -> String {
    let kind = match takes(method, name) {
        Some(Choice::Parameter(p)) => p.shape.kind,
        Some(Choice::Body(f)) => f.shape.kind,
        Some(Choice::Inside(inside)) => inside.shape.kind,
        None => ValueKind::String,
    };
    match kind {
        ValueKind::Integer | ValueKind::Number | ValueKind::Boolean => format!("{{{{ {name} }}}}"),
        _ => format!("'{{{{ {name} }}}}'"),
    }
}
