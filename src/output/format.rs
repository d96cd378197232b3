//! The formats by name and by the ending of a file, and what a result should look like.
//! Owns what a format can and cannot do: where it may go, how many results it holds. Writes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{Layout, columnar, csv, html, insert, json, markdown, table, vega, vertical};
use crate::error::{Error, Kind, Result, nearest};

/// Names, documents and begins each format; a new one is a file and a line here. The endings are those of its files.
macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, [$($ending:literal),*], $start:path;)*) => {
        /// How a result is written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Format { $($(#[$doc])* $variant,)* }

        impl Format {
            const ALL: &[(&str, &[&str], Format)] = &[$(($name, &[$($ending),*], Format::$variant)),*];

            pub(super) fn start(self, schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
                match self { $(Format::$variant => $start(schema, options),)* }
            }
        }
    };
}

formats! {
    /// A table with borders, for the eye. It appears when the last row has come.
    Table = "table", [], table::start;
    /// A line a column, one row after the other.
    Vertical = "vertical", [], vertical::start;
    /// A JSON array with an object a row.
    Json = "json", ["json"], json::start_array;
    /// A JSON object a line.
    Jsonl = "jsonl", ["jsonl", "ndjson"], json::start_lines;
    /// RFC 4180 with a header.
    Csv = "csv", ["csv"], csv::start;
    /// The same with a tab between the values.
    Tsv = "tsv", ["tsv", "tab"], csv::start_tabs;
    /// A table as GitHub reads it.
    Markdown = "markdown", ["md"], markdown::start;
    /// A page for a browser, whole in itself: the rows, sorted by a click, and a picture where one suits.
    Html = "html", ["html", "htm"], html::start;
    /// A picture for Vega-Lite, with the rows in it.
    Vega = "vega", ["vl.json", "vl"], vega::start;
    /// An INSERT statement a row.
    Insert = "insert", ["sql"], insert::start;
    /// A Parquet file.
    Parquet = "parquet", ["parquet"], columnar::start_parquet;
    /// An Arrow IPC file, also called Feather.
    Arrow = "arrow", ["arrow", "feather"], columnar::start_arrow;
    /// An Arrow IPC stream, for a reader that begins before the end.
    Arrows = "arrows", ["arrows"], columnar::start_stream;
}

impl Format {
    /// The names that the command line takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(name, ..)| *name)
    }

    /// Its own name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(.., format)| *format == self).map_or("", |(name, ..)| name)
    }

    /// The format that the name of a file tells.
    pub fn of_path(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let tells = |ending: &&str| name.strip_suffix(*ending).is_some_and(|stem| stem.ends_with('.'));
        // `x.vl.json` is both; the longer ending says more.
        let told = Self::ALL.iter().filter_map(|(_, endings, format)| {
            Some((endings.iter().filter(|ending| tells(ending)).map(|ending| ending.len()).max()?, *format))
        });
        told.max_by_key(|(length, _)| *length).map(|(_, format)| format)
    }

    /// Whether it is bytes and not text.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow | Format::Arrows)
    }

    /// Whether a file of it holds one result and never two.
    pub fn holds_one(self) -> bool {
        self.is_binary() || self == Format::Vega
    }

    /// Whether its values stand between separators.
    fn is_separated(self) -> bool {
        matches!(self, Format::Csv | Format::Tsv)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        if let Some((.., format)) = Self::ALL.iter().find(|(name, ..)| is(name)) {
            return Ok(*format);
        }
        // Who writes `md` means it.
        if let Some((.., format)) = Self::ALL.iter().find(|(_, endings, _)| endings.iter().any(|ending| is(ending))) {
            return Ok(*format);
        }
        let names = Self::names().collect::<Vec<_>>().join(", ");
        let error = Error::new(Kind::Usage, format!("there is no format `{text}`, only {names}"));
        Err(match nearest(text, Self::names()) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None => error,
        })
    }
}

/// What a result should look like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// What stands for NULL where a person reads it, and in CSV and TSV. `None`: `NULL`, and nothing in CSV and TSV.
    pub null: Option<String>,
    /// Whether the names of the columns stand above the values, where a format can do without.
    pub header: bool,
    /// What stands between the values of CSV and TSV, where it is not what their names say.
    pub separator: Option<u8>,
    /// What INSERT statements insert into.
    pub into: String,
    /// How many results stand before this one in the same text.
    pub before: usize,
    /// The columns of the terminal, to which a table is cut. `None`: it is as wide as its values.
    pub width: Option<usize>,
    /// The most rows of a table. `None`: all.
    pub max_rows: Option<usize>,
    /// The widest a column of a table may be. `None`: as wide as its values.
    pub widest: Option<usize>,
    /// After so many rows the widths of a table are settled: what came is written, and further rows as they come.
    /// `None`: when the last row has come.
    pub settle: Option<usize>,
    /// Cells of a table (row, column) that stand out.
    pub marked: Arc<BTreeSet<(usize, usize)>>,
}

impl Options {
    /// `format` with everything shown.
    pub fn new(format: Format) -> Self {
        Options {
            format,
            null: None,
            header: true,
            separator: None,
            into: "rows".to_owned(),
            before: 0,
            width: None,
            max_rows: None,
            widest: None,
            settle: None,
            marked: Arc::default(),
        }
    }

    /// What a person reads for NULL.
    pub fn null(&self) -> &str {
        self.null.as_deref().unwrap_or("NULL")
    }

    /// What stands between the values of CSV and TSV.
    pub fn separator(&self) -> u8 {
        self.separator.unwrap_or(if self.format == Format::Tsv { b'\t' } else { b',' })
    }

    /// Whether the format can do what is asked of it.
    ///
    /// # Errors
    /// For a NULL that would read as two values or as a quoted one.
    pub fn check(&self) -> Result<()> {
        let special = |c: char| c == '"' || c == '\n' || c == '\r' || c == char::from(self.separator());
        match &self.null {
            Some(null) if self.format.is_separated() && null.contains(special) => Err(Error::new(
                Kind::Usage,
                format!("`{}` cannot stand for NULL in {}", null.escape_default(), self.format.name()),
            )
            .hint("without quotes, separators and line breaks it can")),
            _ => Ok(()),
        }
    }
}

/// The separator that `text` names: a sign, or `\t` or `tab`.
///
/// # Errors
/// For what could not be told from a value.
pub fn separator(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        &[sign] if sign == b'\t' || sign == b' ' || (sign.is_ascii_punctuation() && sign != b'"') => Ok(sign),
        _ => Err(Error::new(Kind::Usage, format!("`{text}` cannot separate values"))
            .hint("one sign that is neither letter, digit nor quote: `;`, `|`, or `\\t` for a tab")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_the_format() {
        for (path, format) in [
            ("a/b.csv", Some(Format::Csv)),
            ("B.TSV", Some(Format::Tsv)),
            ("x.json", Some(Format::Json)),
            ("x.vl.json", Some(Format::Vega)),
            (".ndjson", Some(Format::Jsonl)),
            ("x.md", Some(Format::Markdown)),
            ("x.arrow", Some(Format::Arrow)),
            ("x.arrows", Some(Format::Arrows)),
            ("x.txt", None),
            ("csv", None),
            ("a.csv/b", None),
        ] {
            assert_eq!(Format::of_path(Path::new(path)), format, "{path}");
        }
        for (name, _, format) in Format::ALL {
            assert_eq!((format.name(), name.parse::<Format>().unwrap()), (*name, *format));
        }
        assert_eq!("md".parse::<Format>().unwrap(), Format::Markdown);
    }

    #[test]
    fn separators_are_signs() {
        assert_eq!([";", "|", "\\t", "tab", " "].map(|text| separator(text).unwrap()), *b";|\t\t ");
        for text in ["", ";;", "a", "1", "\"", "\n", "→"] {
            assert!(separator(text).is_err(), "{text}");
        }
        let null = |null: &str| Options { null: Some(null.to_owned()), ..Options::new(Format::Csv) };
        assert!(null("a,b").check().is_err() && null("\"").check().is_err() && null("\\N").check().is_ok());
        assert!(Options { separator: Some(b';'), ..null("a,b") }.check().is_ok());
        assert!(Options { format: Format::Table, ..null("a,b") }.check().is_ok());
    }
}
