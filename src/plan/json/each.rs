//! `json_each`: a JSON object or array as a list of (key, value, type), one for each member or item, for UNNEST.
//! Owns that function; what FROM makes of it is `from`'s and `lateral`'s.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringArray, StringViewBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::document::{checked, entries, is_nested, kind, text_of, unquoted};
use super::path::Path;
use super::values::{Argument, NESTED, expect_text, json_field};
use crate::error::Error;
use crate::plan::errors::wrap;

/// The function's name, in the SELECT list and in FROM.
pub const NAME: &str = "json_each";
/// The columns that it has in FROM.
pub const COLUMNS: [&str; 3] = ["key", "value", "type"];

/// `json_each(json [, path])`.
pub fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(JsonEach { signature: Signature::variadic_any(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonEach {
    signature: Signature,
}

fn columns() -> Fields {
    let [key, value, kind] = COLUMNS;
    let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8View, true));
    Fields::from(vec![text(key), json_field(value, NESTED), Arc::new(Field::new(kind, DataType::Utf8, true))])
}

fn item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(columns()), true))
}

impl ScalarUDFImpl for JsonEach {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("{NAME} answers with a field")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        match args.arg_fields {
            [json] => expect_text(NAME, "JSON", json)?,
            [json, path] => {
                expect_text(NAME, "JSON", json)?;
                expect_text(NAME, "a path", path)?;
                let literal = args.scalar_arguments.get(1).copied().flatten();
                if let Some(text) = literal.and_then(|value| value.try_as_str().flatten()) {
                    Path::parse(text).map_err(wrap)?;
                }
            }
            _ => {
                let error = Error::statement(format!("{NAME} does not take {} arguments", args.arg_fields.len()));
                return Err(wrap(error.hint("write json_each(json) or json_each(json, '$.path')")));
            }
        }
        Ok(Arc::new(Field::new(NAME, DataType::List(item()), false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arguments = args.args.iter().zip(&args.arg_fields);
        let arguments = arguments.map(|(value, field)| Argument::new(&value.to_array(args.number_rows)?, field));
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let mut rows = Rows::default();
        for row in 0..args.number_rows {
            let path = match arguments.get(1) {
                Some(path) => path.text(row).map(Path::parse).transpose().map_err(wrap)?,
                None => Some(Path(Vec::new())),
            };
            let document = arguments.first().and_then(|json| json.document(row));
            // Nothing, and what is no JSON, has no members.
            if let (Some(path), Some(json)) = (path, document.as_deref().and_then(checked)) {
                path.get(json).into_iter().for_each(|found| rows.add_all(found));
            }
            rows.lengths.push(rows.kinds.len() - rows.before);
            rows.before = rows.kinds.len();
        }
        Ok(ColumnarValue::Array(rows.finish()?))
    }
}

/// The members and items of all rows so far.
#[derive(Default)]
struct Rows {
    keys: StringViewBuilder,
    values: StringViewBuilder,
    kinds: Vec<&'static str>,
    lengths: Vec<usize>,
    before: usize,
}

impl Rows {
    /// A scalar is one row without a key, as in `SQLite`.
    fn add_all(&mut self, json: &str) {
        if !is_nested(json) {
            self.keys.append_null();
            return self.add(json);
        }
        for (index, entry) in entries(json, 0..json.len()).enumerate() {
            match entry.key {
                Some(key) => self.keys.append_value(unquoted(&json[key])),
                None => self.keys.append_value(index.to_string()),
            }
            self.add(&json[entry.value]);
        }
    }

    fn add(&mut self, raw: &str) {
        self.values.append_option(text_of(raw));
        self.kinds.push(kind(raw));
    }

    fn finish(mut self) -> Result<ArrayRef, DataFusionError> {
        let columns_of: Vec<ArrayRef> =
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish()), Arc::new(StringArray::from(self.kinds))];
        let items = StructArray::try_new(columns(), columns_of, None)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(items), None)?))
    }
}
