//! Rows of JSON into one Arrow batch, in one pass over the answer's bytes and without a tree of values.
//! Knows the registry's columns; nothing of envelopes (that is `envelope`) or of requests.

use arrow::array::RecordBatchOptions;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::builder::{ColumnBuilder, Fit, Page, Value};
use super::paths::{Nowhere, Paths, Walk};
use super::scan::{Broken, Scan, Span, Token};
use super::schema;
use crate::error::{Error, Kind, Result};
use crate::registry::Column;

/// Decodes rows into the columns it was made for. One for each scan; it holds no rows.
#[derive(Debug)]
pub struct Decoder {
    columns: Vec<Column>,
    schema: SchemaRef,
    /// What columns ask for, and where in it each column's values are.
    paths: Paths,
    places: Vec<Vec<usize>>,
}

/// One batch of rows.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, in the API's order.
    pub batch: RecordBatch,
    /// Columns with values that did not fit.
    pub misfits: Vec<Misfit>,
    /// The first row's JSON text, hashed: two pages that begin alike are the same page.
    pub first_row: Option<u64>,
    /// Where the last row stands in the answer.
    pub(super) last_row: Option<Span>,
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
        let mut paths = Paths::default();
        let places = columns.iter().map(|c| c.paths.iter().map(|path| paths.add(path)).collect()).collect();
        let schema = schema::schema(&columns);
        Decoder { columns, schema, paths, places }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// The columns under construction. Each holds the rows of one place of an answer.
pub struct Table<'d> {
    decoder: &'d Decoder,
    text: &'d str,
    walk: Walk<'d>,
    echoes: Vec<Option<(String, Token)>>,
    builders: Vec<ColumnBuilder>,
    misfits: Vec<(u64, Option<String>)>,
    rows: usize,
    /// Rows that are no objects, though columns ask for keys.
    keyless: u64,
    first_row: Option<u64>,
    last_row: Option<Span>,
}

impl<'d> Table<'d> {
    /// No rows yet. `echo` gives the value of a column that is a request parameter, as JSON text: of each row that says
    /// nothing of it itself.
    pub fn new(decoder: &'d Decoder, (text, page): (&'d str, &Page), echo: &Echo<'_>) -> Table<'d> {
        let of = |column: &Column| {
            let text = echo(column)?;
            let token = Scan::new(&text, 0).value().map_or(Token::Null, |span| span.token);
            Some((text, token))
        };
        Table {
            decoder,
            text,
            walk: Walk::new(&decoder.paths),
            echoes: decoder.columns.iter().map(of).collect(),
            builders: decoder.columns.iter().map(|c| ColumnBuilder::new(c.shape.kind, &c.wire, page)).collect(),
            misfits: vec![(0, None); decoder.columns.len()],
            rows: 0,
            keyless: 0,
            first_row: None,
            last_row: None,
        }
    }

    /// Takes the rows of the array that `scan` stands at.
    pub fn array(&mut self, scan: &mut Scan<'_>) -> std::result::Result<(), Broken> {
        let mut more = scan.enter(b']');
        while more {
            self.row(scan)?;
            more = scan.more(b']')?;
        }
        Ok(())
    }

    /// Takes the row that `scan` stands at.
    pub fn row(&mut self, scan: &mut Scan<'_>) -> std::result::Result<(), Broken> {
        let row = self.walk.value(self.text, scan, &mut Nowhere)?;
        if self.rows == 0 {
            self.first_row = Some(hash(&self.text[row.start..row.end]));
        }
        self.last_row = Some(row);
        // A row that is no object has no values.
        self.keyless += u64::from(row.token != Token::Object && self.decoder.paths.has_keys());
        self.append();
        Ok(())
    }

    fn append(&mut self) {
        let (walk, text) = (&self.walk, self.text);
        let at = |place: usize| {
            let span = walk.at(place)?;
            Some(Value { raw: &text[span.start..span.end], token: span.token, at: Some(span.start) })
        };
        for (i, places) in self.decoder.places.iter().enumerate() {
            let own = match places.as_slice() {
                [] => None,
                [place] => at(*place),
                places => {
                    let any = self.decoder.columns[i].shape.kind.is_json();
                    places.iter().filter_map(|place| at(*place)).find(|value| any || is_scalar(value.token))
                }
            };
            let echo = self.echoes[i].as_ref().filter(|_| places.iter().all(|place| at(*place).is_none()));
            let value = own.or_else(|| echo.map(|(raw, token)| Value { raw, token: *token, at: None }));
            if self.builders[i].append(value) == Fit::DoesNot {
                let (count, example) = &mut self.misfits[i];
                *count += 1;
                if !self.decoder.columns[i].shape.secret {
                    example.get_or_insert_with(|| value.map_or("", |v| v.raw).chars().take(60).collect());
                }
            }
        }
        self.rows += 1;
    }

    /// The rows that were taken.
    pub fn finish(mut self) -> Result<Decoded> {
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
        Ok(Decoded { batch, misfits, first_row: self.first_row, last_row: self.last_row })
    }
}

/// Gives the value of a column that is a request parameter, as JSON text.
pub type Echo<'e> = dyn Fn(&Column) -> Option<String> + 'e;

fn is_scalar(token: Token) -> bool {
    !matches!(token, Token::Object | Token::Array | Token::Null)
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::registry::{JsonPath, Kind as K, Shape};
    use crate::rows::Outline;

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
        let asked = ["app", "state"];
        let echo = |c: &Column| asked.contains(&c.name.as_str()).then(|| format!("\"{} of the request\"", c.name));
        let outline = Outline::new(&[JsonPath::default()], []);
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        decoder.read(&body, &outline, &echo).unwrap().rows().unwrap()
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
        // What a row says otherwise, and be it nothing that the column can hold, is not what was asked for.
        let expected = "\
+----+---+------------+----------------------+--------------------+------------------------------------------------------------------------------+
| id | n | meta       | state                | app                | _raw                                                                         |
+----+---+------------+----------------------+--------------------+------------------------------------------------------------------------------+
| a  | 1 | {\"x\": [1]} | on                   | app of the request | {\"id\": \"a\", \"n\": 1, \"meta\": {\"x\": [1]}, \"status\": {\"state\": \"on\"}, \"new\": 1} |
| b! | 2 |            | off                  | app of the request | {\"n\": \"2\", \"status\": \"off\", \"id\": \"b\\u0021\"}                                 |
|    |   |            |                      | app of the request | {\"status\": {\"other\": 1}}                                                     |
|    |   |            | state of the request | app of the request | 7                                                                            |
+----+---+------------+----------------------+--------------------+------------------------------------------------------------------------------+";
        assert_eq!(text, expected);
        // The last row is no object: it is kept, and said.
        let misfit = Misfit { column: String::new(), wanted: "object", count: 1, example: None };
        assert_eq!(decoded.misfits, [misfit]);
    }

    #[test]
    fn a_row_that_leaves_out_what_it_was_asked_by_has_it() {
        let decoder = Decoder::new(vec![column("owner", K::String, &["$.owner"])]);
        let outline = Outline::new(&[JsonPath::default()], []);
        let body = bytes::Bytes::from_static(br#"[{"owner": "b"}, {}, {"owner": null}]"#);
        let batch = decoder.read(&body, &outline, &|_| Some("\"a\"".to_owned())).unwrap().rows().unwrap().batch;
        let owners: Vec<Option<&str>> =
            arrow::array::AsArray::as_string_view(batch.column(0).as_ref()).iter().collect();
        // What a row says itself stays, null too.
        assert_eq!(owners, [Some("b"), Some("a"), None]);
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
