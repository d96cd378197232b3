//! The JSON functions that answer with one value: reading and changing by path, checking, building. Owns their
//! arguments and results; what they do to a text is `edit`'s and `path`'s.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringViewArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::document::{checked, text_of};
use super::edit::{Change, array, object, prepared, remove, write};
use super::path::Path;
use super::values::{Argument, NESTED, expect_text, json_field};
use crate::error::Error;
use crate::plan::errors::wrap;

/// All of them.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let all = [
        ("json", What::Json),
        ("json_valid", What::Valid),
        ("json_extract", What::Extract),
        ("json_set", What::Write(Change::Set)),
        ("json_insert", What::Write(Change::Insert)),
        ("json_replace", What::Write(Change::Replace)),
        ("json_remove", What::Remove),
        ("json_object", What::Object),
        ("json_array", What::Array),
    ];
    all.into_iter().map(|(name, what)| Arc::new(ScalarUDF::new_from_impl(JsonFunction::new(name, what)))).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Json,
    Valid,
    Extract,
    Write(Change),
    Remove,
    Object,
    Array,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    name: &'static str,
    what: What,
    signature: Signature,
}

impl JsonFunction {
    fn new(name: &'static str, what: What) -> JsonFunction {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        JsonFunction { name, what, signature: Signature::one_of(any, Volatility::Immutable) }
    }

    fn takes(&self, count: usize) -> bool {
        match self.what {
            What::Json | What::Valid => count == 1,
            What::Extract | What::Remove => count >= 2,
            What::Write(_) => count >= 3 && count % 2 == 1,
            What::Object => count.is_multiple_of(2),
            What::Array => true,
        }
    }

    fn usage(&self) -> &'static str {
        match self.what {
            What::Json | What::Valid => "(text)",
            What::Extract | What::Remove => "(json, '$.path', ...)",
            What::Write(_) => "(json, '$.path', value, ...)",
            What::Object => "('key', value, ...)",
            What::Array => "(value, ...)",
        }
    }

    /// Whether argument `at` is a path.
    fn is_path(&self, at: usize) -> bool {
        match self.what {
            What::Extract | What::Remove => at > 0,
            What::Write(_) => at % 2 == 1,
            What::Json | What::Valid | What::Object | What::Array => false,
        }
    }

    fn mark(&self, count: usize) -> &'static str {
        match self.what {
            What::Extract if count == 2 => NESTED,
            What::Extract | What::Array => "array",
            What::Object => "object",
            _ => "any",
        }
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("{} answers with a field", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let count = args.arg_fields.len();
        if !self.takes(count) {
            let (name, usage) = (self.name, self.usage());
            let error = Error::statement(format!("{name} does not take {count} arguments"));
            return Err(wrap(error.hint(format!("write {name}{usage}"))));
        }
        for (at, field) in args.arg_fields.iter().enumerate() {
            let reads = at == 0 && !matches!(self.what, What::Object | What::Array);
            if reads {
                expect_text(self.name, "JSON", field)?;
            } else if self.is_path(at) {
                expect_text(self.name, "a path", field)?;
                let literal = args.scalar_arguments.get(at).copied().flatten();
                if let Some(text) = literal.and_then(|value| value.try_as_str().flatten()) {
                    Path::parse(text).map_err(wrap)?;
                }
            } else if self.what == What::Object && at % 2 == 0 {
                expect_text(self.name, "a key", field)?;
            }
        }
        if self.what == What::Valid {
            return Ok(Arc::new(Field::new(self.name, DataType::Boolean, true)));
        }
        Ok(json_field(self.name, self.mark(count)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arguments = Arguments::read(self, &args)?;
        let rows = 0..args.number_rows;
        if self.what == What::Valid {
            let valid = |row| arguments.list[0].document(row).map(|text| checked(&text).is_some());
            return Ok(ColumnarValue::Array(Arc::new(rows.map(valid).collect::<BooleanArray>()) as ArrayRef));
        }
        let texts = rows.map(|row| match self.what {
            What::Extract => arguments.extract(row),
            What::Object => arguments.object(row),
            What::Array => arguments.values(row, 0, 1).map(|values| Some(array(values))),
            _ => arguments.changed(self, row),
        });
        Ok(ColumnarValue::Array(Arc::new(texts.collect::<Result<StringViewArray>>()?) as ArrayRef))
    }
}

/// The arguments of one call. Paths that are the same in every row are read once.
struct Arguments {
    list: Vec<Argument>,
    paths: Vec<Option<Path>>,
}

impl Arguments {
    fn read(function: &JsonFunction, args: &ScalarFunctionArgs) -> Result<Arguments> {
        let (mut list, mut paths) = (Vec::new(), Vec::new());
        for (at, (value, field)) in args.args.iter().zip(&args.arg_fields).enumerate() {
            let constant = match value {
                ColumnarValue::Scalar(scalar) if function.is_path(at) => scalar.try_as_str().flatten(),
                _ => None,
            };
            paths.push(constant.map(Path::parse).transpose().map_err(wrap)?);
            list.push(Argument::new(&value.to_array(args.number_rows)?, field)?);
        }
        Ok(Arguments { list, paths })
    }

    /// The path that is argument `at`; None when it is NULL.
    fn path(&self, at: usize, row: usize) -> Result<Option<Path>> {
        match &self.paths[at] {
            Some(path) => Ok(Some(path.clone())),
            None => self.list[at].text(row).map(Path::parse).transpose().map_err(wrap),
        }
    }

    /// Every `step`th value from argument `first` on.
    fn values(&self, row: usize, first: usize, step: usize) -> Result<Vec<String>> {
        self.list.iter().skip(first).step_by(step).map(|argument| argument.value(row)).collect()
    }

    /// What the paths lead to: as text for one path, as a JSON array for several.
    fn extract(&self, row: usize) -> Result<Option<String>> {
        let document = self.list[0].document(row);
        let json = document.as_deref().and_then(checked);
        let mut found = Vec::with_capacity(self.list.len() - 1);
        for at in 1..self.list.len() {
            // A path is looked at even where there is no document: a slip should not hide behind a NULL.
            let Some(path) = self.path(at, row)? else { return Ok(None) };
            found.push(json.and_then(|json| path.get(json)));
        }
        Ok(match found.as_slice() {
            [one] => one.and_then(text_of).map(std::borrow::Cow::into_owned),
            several => json.map(|_| array(several.iter().map(|v| prepared(v.unwrap_or("null"))))),
        })
    }

    fn object(&self, row: usize) -> Result<Option<String>> {
        let keys = self.list.iter().step_by(2).map(|key| {
            let key = key.text(row).map(str::to_owned);
            key.ok_or_else(|| wrap(Error::statement("json_object was given NULL as a key").hint("a key is text")))
        });
        let keys = keys.collect::<Result<Vec<_>>>()?;
        Ok(Some(object(keys.into_iter().zip(self.values(row, 1, 2)?))))
    }

    /// The document with the changes that the function makes to it.
    fn changed(&self, function: &JsonFunction, row: usize) -> Result<Option<String>> {
        let Some(text) = self.list[0].document(row) else { return Ok(None) };
        let mut json = prepared(checked(&text).ok_or_else(|| malformed(function.name, &text))?);
        match function.what {
            What::Write(change) => {
                for at in (1..self.list.len()).step_by(2) {
                    let Some(path) = self.path(at, row)? else { return Ok(None) };
                    json = write(&json, &path, &self.list[at + 1].value(row)?, change);
                }
            }
            What::Remove => {
                for at in 1..self.list.len() {
                    let Some(path) = self.path(at, row)? else { return Ok(None) };
                    let Some(rest) = remove(&json, &path) else { return Ok(None) };
                    json = rest;
                }
            }
            _ => {}
        }
        Ok(Some(json))
    }
}

/// Reads may overlook a broken document; what makes a new one of it must not, or a write would send the damage.
fn malformed(function: &str, text: &str) -> DataFusionError {
    let start: String = text.chars().take(40).collect();
    let dots = if text.len() > start.len() { "..." } else { "" };
    wrap(
        Error::statement(format!("{function} was given text that is not JSON: {start}{dots}"))
            .hint("json_valid(text) tells; text becomes a JSON string by json_array(text) or json_object('key', text)"),
    )
}
