//! Rows of JSON into one Arrow batch, column by column, without a tree of values.
//! Knows the registry's columns; nothing of envelopes (that is `envelope`) or of requests.

use std::collections::HashMap;
use std::fmt;

use arrow::array::RecordBatchOptions;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::builder::{ColumnBuilder, Fit};
use super::envelope::{Rows, descend};
use super::schema;
use crate::error::{Error, Kind, Result};
use crate::registry::{Column, JsonPath};

/// Decodes rows into the columns it was made for. One for each scan; it holds no rows.
#[derive(Debug)]
pub struct Decoder {
    columns: Vec<Column>,
    schema: SchemaRef,
    /// Top-level keys that some column asks for, with their slot.
    slots: HashMap<String, usize>,
    /// Some column asks for the whole row.
    whole: bool,
}

/// One batch of rows.
pub struct Decoded {
    /// The rows, in the API's order.
    pub batch: RecordBatch,
    /// Columns with values that did not fit.
    pub misfits: Vec<Misfit>,
    /// The first row's JSON text, hashed: two pages that begin alike are the same page.
    pub first_row: Option<u64>,
}

/// Values of a column that did not fit its type, and became NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The column's SQL name; empty for the row itself.
    pub column: String,
    /// The type they should have had.
    pub wanted: &'static str,
    /// How many.
    pub count: u64,
    /// The first of them, unless the column is secret.
    pub example: Option<String>,
}

impl Decoder {
    /// A decoder for `columns`, in that order.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Decoder {
        let mut slots = HashMap::new();
        let mut whole = false;
        for path in columns.iter().flat_map(|c| &c.paths) {
            match path.0.first() {
                Some(key) => {
                    let next = slots.len();
                    slots.entry(key.clone()).or_insert(next);
                }
                None => whole = true,
            }
        }
        let schema = schema::schema(&columns);
        Decoder { columns, schema, slots, whole }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes `rows`. `echo` gives the value of a column that is a request parameter, as JSON text.
    ///
    /// # Errors
    /// [`Kind::Network`] when the rows are not JSON after all.
    pub fn decode(&self, rows: &Rows<'_>, echo: &dyn Fn(&Column) -> Option<String>) -> Result<Decoded> {
        let echoes = self.columns.iter().map(|c| if c.paths.is_empty() { echo(c) } else { None }).collect();
        let builders = self.columns.iter().map(|c| ColumnBuilder::new(c.shape.kind, &c.wire, 128)).collect();
        let misfits = vec![(0, None); self.columns.len()];
        let mut table = Table { decoder: self, echoes, builders, misfits, rows: 0, keyless: 0, first_row: None };
        let read = match rows {
            Rows::None => Ok(()),
            Rows::One(raw) => table.row_of(raw),
            Rows::Array(raw) => serde_json::Deserializer::from_str(raw.get()).deserialize_seq(&mut table),
        };
        read.map_err(|e| Error::new(Kind::Network, format!("the answer's rows cannot be read: {e}")))?;
        table.finish()
    }
}

/// The columns under construction.
struct Table<'d> {
    decoder: &'d Decoder,
    echoes: Vec<Option<String>>,
    builders: Vec<ColumnBuilder>,
    misfits: Vec<(u64, Option<String>)>,
    rows: usize,
    /// Rows that are no objects, though columns ask for keys.
    keyless: u64,
    first_row: Option<u64>,
}

impl Table<'_> {
    fn row_of(&mut self, raw: &RawValue) -> serde_json::Result<()> {
        self.note_first(raw.get());
        let mut slots = vec![None; self.decoder.slots.len()];
        if raw.get().starts_with('{') {
            let seed = Row { keys: &self.decoder.slots, slots: &mut slots };
            seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get()))?;
        } else if !self.decoder.slots.is_empty() {
            self.keyless += 1;
        }
        self.append(&slots, Some(raw));
        Ok(())
    }

    fn note_first(&mut self, text: &str) {
        if self.rows == 0 {
            self.first_row = Some(hash(text));
        }
    }

    fn append(&mut self, slots: &[Option<&RawValue>], whole: Option<&RawValue>) {
        for (i, column) in self.decoder.columns.iter().enumerate() {
            let value = match column.paths.as_slice() {
                [] => self.echoes[i].as_deref(),
                [path] => find(path, &self.decoder.slots, slots, whole),
                paths => paths
                    .iter()
                    .filter_map(|path| find(path, &self.decoder.slots, slots, whole))
                    .find(|text| column.shape.kind.is_json() || is_scalar(text)),
            };
            if self.builders[i].append(value) == Fit::DoesNot {
                let (count, example) = &mut self.misfits[i];
                *count += 1;
                if !column.shape.secret {
                    example.get_or_insert_with(|| value.unwrap_or_default().chars().take(60).collect());
                }
            }
        }
        self.rows += 1;
    }

    fn finish(mut self) -> Result<Decoded> {
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(self.decoder.schema.clone(), arrays, &options)
            .map_err(|e| Error::new(Kind::Internal, format!("a batch could not be made: {e}")))?;
        let misfits = self.decoder.columns.iter().zip(self.misfits).filter(|(_, (count, _))| *count > 0);
        let misfits = misfits.map(|(column, (count, example))| Misfit {
            column: column.name.clone(),
            wanted: column.shape.kind.word(),
            count,
            example,
        });
        let mut misfits: Vec<Misfit> = misfits.collect();
        if self.keyless > 0 {
            let (column, wanted) = (String::new(), "object");
            misfits.push(Misfit { column, wanted, count: self.keyless, example: None });
        }
        Ok(Decoded { batch, misfits, first_row: self.first_row })
    }
}

fn is_scalar(text: &str) -> bool {
    !text.starts_with(['{', '[']) && text != "null"
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The value at `path` in a row whose top-level values are in `slots`.
fn find<'a>(
    path: &JsonPath,
    keys: &HashMap<String, usize>,
    slots: &[Option<&'a RawValue>],
    whole: Option<&'a RawValue>,
) -> Option<&'a str> {
    let Some((first, rest)) = path.0.split_first() else { return whole.map(RawValue::get) };
    let value = slots[*keys.get(first)?]?;
    descend(value, rest).map(RawValue::get)
}

/// An array of rows.
impl<'de> Visitor<'de> for &mut Table<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<(), A::Error> {
        use serde::de::Error as _;
        // The first row is read whole for its hash; the others only where a column asks for it.
        if let Some(raw) = rows.next_element::<&RawValue>()? {
            self.row_of(raw).map_err(A::Error::custom)?;
        }
        if self.decoder.whole {
            while let Some(raw) = rows.next_element::<&RawValue>()? {
                self.row_of(raw).map_err(A::Error::custom)?;
            }
            return Ok(());
        }
        let decoder = self.decoder;
        let mut slots = vec![None; decoder.slots.len()];
        while let Some(is_object) = rows.next_element_seed(Row { keys: &decoder.slots, slots: &mut slots })? {
            self.keyless += u64::from(!is_object && !decoder.slots.is_empty());
            self.append(&slots, None);
            slots.fill(None);
        }
        Ok(())
    }
}

/// One row, and whether it is an object: puts the values that columns ask for into their slots and skips the others. A row that is no object has
/// no values.
struct Row<'s, 'de> {
    keys: &'s HashMap<String, usize>,
    slots: &'s mut [Option<&'de RawValue>],
}

impl<'de> DeserializeSeed<'de> for Row<'_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<bool, A::Error> {
        while let Some(slot) = map.next_key_seed(Slot(self.keys))? {
            match slot {
                Some(slot) => self.slots[slot] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<bool, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_unit<E>(self) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<bool, E> {
        Ok(false)
    }
}

/// A key of a row: the slot of the columns that ask for it, if any.
struct Slot<'k>(&'k HashMap<String, usize>);

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Slot<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Self::Value, E> {
        Ok(self.0.get(key).copied())
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::registry::{Kind as K, Shape};
    use crate::rows::Envelope;

    fn column(name: &str, kind: K, paths: &[&str]) -> Column {
        Column {
            name: name.to_owned(),
            wire: name.to_owned(),
            paths: paths.iter().map(|p| JsonPath::parse(p).unwrap()).collect(),
            shape: Shape { kind, ..Shape::default() },
            description: String::new(),
            hidden: false,
            only_by_key: false,
        }
    }

    fn decode(columns: Vec<Column>, body: &str) -> Decoded {
        let decoder = Decoder::new(columns);
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(&[JsonPath::default()]).unwrap();
        decoder.decode(&rows, &|c| Some(format!("\"{} of the request\"", c.name))).unwrap()
    }

    #[test]
    fn rows_become_columns_by_key_in_any_order() {
        let columns = vec![
            column("id", K::String, &["$.id"]),
            column("n", K::Integer, &["$.n"]),
            column("meta", K::Object, &["$.meta"]),
            column("state", K::String, &["$.status.state", "$.status"]),
            column("app", K::String, &[]),
            column("_raw", K::Any, &["$"]),
        ];
        let body = r#"[{"id": "a", "n": 1, "meta": {"x": [1]}, "status": {"state": "on"}, "new": 1},
                       {"n": "2", "status": "off", "id": "b\u0021"}, {"status": {"other": 1}}, 7]"#;
        let decoded = decode(columns, body);
        let text = pretty_format_batches(&[decoded.batch]).unwrap().to_string();
        let expected = "\
+----+---+------------+-------+--------------------+------------------------------------------------------------------------------+
| id | n | meta       | state | app                | _raw                                                                         |
+----+---+------------+-------+--------------------+------------------------------------------------------------------------------+
| a  | 1 | {\"x\": [1]} | on    | app of the request | {\"id\": \"a\", \"n\": 1, \"meta\": {\"x\": [1]}, \"status\": {\"state\": \"on\"}, \"new\": 1} |
| b! | 2 |            | off   | app of the request | {\"n\": \"2\", \"status\": \"off\", \"id\": \"b\\u0021\"}                                 |
|    |   |            |       | app of the request | {\"status\": {\"other\": 1}}                                                     |
|    |   |            |       | app of the request | 7                                                                            |
+----+---+------------+-------+--------------------+------------------------------------------------------------------------------+";
        assert_eq!(text, expected);
        // The last row is no object: it is kept, and said.
        let misfit = Misfit { column: String::new(), wanted: "object", count: 1, example: None };
        assert_eq!(decoded.misfits, [misfit]);
    }

    #[test]
    fn a_value_that_does_not_fit_is_null_and_counted() {
        let body = r#"[{"n": "x"}, {"n": {}}, {"n": 3}, {"n": null}, {}]"#;
        let decoded = decode(vec![column("n", K::Integer, &["$.n"])], body);
        assert_eq!(decoded.batch.column(0).null_count(), 4);
        let misfit = &decoded.misfits[0];
        assert_eq!((misfit.count, misfit.example.as_deref()), (2, Some("\"x\"")));
    }

    #[test]
    fn rows_without_columns_are_counted() {
        assert_eq!(decode(vec![], r#"[{"a": 1}, {"a": 2}, null]"#).batch.num_rows(), 3);
    }

    #[test]
    fn equal_keys_the_last_one_counts() {
        let decoded = decode(vec![column("a", K::String, &["$.a"])], r#"[{"a": "1"}, {"a": "1", "a": "2"}]"#);
        let text = pretty_format_batches(&[decoded.batch]).unwrap().to_string();
        assert!(text.contains("| 2 |"), "{text}");
    }
}
