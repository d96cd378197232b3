//! DataFusion's errors in weir's words: wrappers peeled off, a weir error within found again, columns and functions
//! that do not exist named with what was probably meant.

use datafusion::common::{DataFusionError, SchemaError};

use crate::error::{Error, Kind, nearest};

/// A weir error on its way through DataFusion.
#[must_use]
pub fn wrap(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error a person should see.
#[must_use]
pub fn unwrap(error: DataFusionError) -> Error {
    if let Some(found) = find(&error) {
        return found;
    }
    if let DataFusionError::ResourcesExhausted(text) = error.find_root() {
        let what = format!("the statement needs more memory than it may use: {}", first_line(text));
        return Error::new(Kind::Statement, what).hint(
            "SHOW memory_limit tells the limit, SET memory_limit = '4GB' allows more; or select fewer columns or rows",
        );
    }
    if let Some(full) = full(&error) {
        return full;
    }
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => unwrap(*inner),
        DataFusionError::Collection(mut all) if !all.is_empty() => unwrap(all.remove(0)),
        DataFusionError::SchemaError(inner, _) => schema(*inner),
        DataFusionError::SQL(inner, _) => Error::statement(inner.to_string()),
        DataFusionError::Plan(text) => planned(&text),
        DataFusionError::NotImplemented(text) if text.contains("does not support logical expression") => correlated(),
        DataFusionError::NotImplemented(text) => Error::statement(format!("not supported: {}", first_line(&text))),
        DataFusionError::Execution(text) | DataFusionError::Configuration(text) => Error::statement(first_line(&text)),
        DataFusionError::ArrowError(inner, _) => Error::statement(first_line(&inner.to_string())),
        DataFusionError::ParquetError(inner) => Error::statement(first_line(&inner.to_string())),
        DataFusionError::ObjectStore(inner) => Error::statement(first_line(&inner.to_string())),
        DataFusionError::IoError(inner) => Error::statement(inner.to_string()),
        DataFusionError::ExecutionJoin(inner) => Error::new(Kind::Internal, format!("a worker failed: {inner}")),
        DataFusionError::Shared(inner) => Error::statement(first_line(&inner.strip_backtrace())),
        other => Error::new(Kind::Internal, first_line(&other.strip_backtrace())),
    }
}

/// Whether an error is weir's own, on its way through the engine.
#[must_use]
pub fn is_own(error: &DataFusionError) -> bool {
    find(error).is_some()
}

/// The identifier that an error is about, to find its place in the statement.
#[must_use]
pub fn subject(error: &DataFusionError) -> Option<String> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => subject(inner),
        DataFusionError::Collection(all) => all.first().and_then(subject),
        DataFusionError::Shared(inner) => subject(inner),
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                Some(field.name.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The weir error within, however deep.
fn find(error: &DataFusionError) -> Option<Error> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(found) = current.downcast_ref::<Error>() {
            return Some(found.clone());
        }
        let below = match current.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::Shared(inner)) => return find(inner),
            Some(DataFusionError::External(inner)) => Some(inner.as_ref() as &(dyn std::error::Error + 'static)),
            Some(DataFusionError::Collection(all)) => return all.iter().find_map(find),
            _ => None,
        };
        source = below.or_else(|| current.source());
    }
    None
}

/// A file that the engine could not write, for want of space or because nobody may.
fn full(error: &DataFusionError) -> Option<Error> {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && matches!(io.kind(), FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
        {
            return Some(
                Error::new(Kind::Usage, format!("a file could not be written: {io}"))
                    .hint("look whether there is space left, and whether you may write there"),
            );
        }
        source = current.source();
    }
    None
}

fn schema(error: SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<&str> = valid_fields.iter().map(|f| f.name.as_str()).filter(|n| *n != "_raw").collect();
            let table = field.relation.as_ref().map(|r| format!(" in {}", r.table())).unwrap_or_default();
            let error = Error::statement(format!("there is no column `{}`{table}", field.name));
            // The column is there, under another name of its table: an alias hides the table's own.
            let elsewhere = valid_fields.iter().find(|f| f.name == field.name).and_then(|f| f.relation.as_ref());
            match nearest(&field.name, names.iter().copied()) {
                Some(near) if near == field.name => match elsewhere {
                    Some(table) => error.hint(format!("did you mean {}.{near}?", table.table())),
                    None => error.hint("leave the table's name out"),
                },
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None if names.is_empty() => error,
                None => error.hint(format!("there are {}", some(&names))),
            }
        }
        SchemaError::AmbiguousReference { field } => {
            Error::statement(format!("the column `{}` is in more than one table", field.name))
                .hint("write the table's name or alias before it, with a dot")
        }
        other => Error::statement(first_line(&other.to_string())),
    }
}

/// A sub-query that the engine could not turn into a join.
fn correlated() -> Error {
    Error::statement("a sub-query uses a column of the query around it in a way that is not supported").hint(
        "a name that the sub-query's own tables do not have is looked for outside it; write the table's name before the \
         column, or compare the two columns with = in the sub-query's WHERE",
    )
}

/// The first dozen names.
fn some(names: &[&str]) -> String {
    let mut text = names.iter().take(12).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(", ...");
    }
    text
}

/// A planning error; its second line may say what was probably meant.
fn planned(text: &str) -> Error {
    if let Some(name) = text.strip_prefix("table '").and_then(|rest| rest.split_once("' not found")).map(|(n, _)| n) {
        let name = name.strip_prefix("memory.main.").unwrap_or(name);
        return Error::statement(format!("there is no table `{name}`")).hint(
            "the session's own are listed by SHOW TABLES; system.registry has providers, services, resources, methods, \
             columns and parameters, system.session has requests, warnings and settings",
        );
    }
    let error = Error::statement(first_line(text));
    match text.lines().nth(1).filter(|line| line.starts_with("Did you mean")) {
        Some(meant) => error.hint(meant.to_owned()),
        None => error,
    }
}

/// DataFusion's messages go on with backtraces and advice for its developers.
fn first_line(text: &str) -> String {
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text = text.trim_start_matches("Error during planning: ").trim_start_matches("Execution error: ");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_weir_error_is_found_through_every_wrapper() {
        let error = || Error::new(Kind::Credentials, "the token is not accepted").hint("look at it");
        let wrapped = [
            wrap(error()),
            wrap(error()).context("while planning"),
            DataFusionError::Shared(Arc::new(wrap(error()))),
            DataFusionError::ArrowError(
                Box::new(arrow::error::ArrowError::ExternalError(Box::new(wrap(error())))),
                None,
            ),
        ];
        for error in wrapped {
            let found = unwrap(error);
            assert_eq!((found.kind(), found.hint_text()), (Kind::Credentials, Some("look at it")));
        }
    }
}
