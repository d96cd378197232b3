//! `\chart`: a result as a picture made of characters. Owns which picture suits which columns, and says why none does.
//! Knows batches and texts; the drawing itself is `plot`'s.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};

use super::plot;
use crate::error::{Error, Kind, Result, nearest};
use crate::output::{Picture, Role, cells, escaped, role};

/// What is wanted, as far as it is said.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Chart {
    pub kind: Option<Picture>,
    /// Names of columns: of the category or time, and of the number; of the number alone for a histogram.
    pub columns: Vec<String>,
}

impl Chart {
    /// `[bar|line|hist] [column [column]]`
    ///
    /// # Errors
    /// For more than two columns.
    pub fn read(words: &[String]) -> Result<Chart> {
        let kind = words.first().and_then(|word| match word.to_lowercase().as_str() {
            "bar" | "bars" => Some(Picture::Bars),
            "line" | "lines" => Some(Picture::Line),
            "hist" | "histogram" => Some(Picture::Histogram),
            _ => None,
        });
        let columns = words[usize::from(kind.is_some())..].to_vec();
        if columns.len() > 2 {
            return Err(Error::new(Kind::Usage, "\\chart takes at most two columns")
                .hint("\\chart [bar|line|hist] [category or time] [number]"));
        }
        Ok(Chart { kind, columns })
    }
}

/// Where it is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    /// Block characters are understood.
    pub blocks: bool,
}

/// The picture of a result.
///
/// # Errors
/// When nothing in it can be drawn; the hint says what could.
pub fn draw(chart: &Chart, schema: &SchemaRef, batches: &[RecordBatch], canvas: Canvas) -> Result<String> {
    let whole = concat_batches(schema, batches)
        .or_else(|_| concat_batches(&batches.first().map_or(schema.clone(), RecordBatch::schema), batches))
        .map_err(|e| Error::new(Kind::Internal, format!("the result could not be put together: {e}")))?;
    if whole.num_rows() == 0 {
        return Err(Error::statement("the last result has no rows, so there is nothing to draw"));
    }
    let (kind, x, y) = choose(chart, schema)?;
    let numbers = numbers(whole.column(y))?;
    let title = |x: Option<usize>| match x {
        Some(x) => format!("{} by {}", escaped(schema.field(y).name()), escaped(schema.field(x).name())),
        None => escaped(schema.field(y).name()),
    };
    let body = match (kind, x) {
        (Picture::Bars, Some(x)) => {
            let labels = cells(schema, &whole)?.into_iter().map(|mut row| row.swap_remove(x));
            let labels = labels.map(|label| escaped(&label.unwrap_or_else(|| "NULL".to_owned())));
            plot::bars(&labels.zip(numbers).collect::<Vec<_>>(), canvas)
        }
        (Picture::Line, Some(x)) => {
            let is_time = role(schema.field(x).data_type()) == Some(Role::Time);
            let places = if is_time { moments(whole.column(x))? } else { self::numbers(whole.column(x))? };
            let points = places.into_iter().zip(numbers).filter_map(|(x, y)| Some((x?, y?)));
            plot::line(points.collect(), is_time, canvas)
        }
        _ => plot::histogram(&numbers.into_iter().flatten().collect::<Vec<_>>(), canvas),
    };
    match body.is_empty() {
        true => Err(Error::statement(format!("{} has no value to draw", title(None)))),
        false => Ok(format!("{}\n{body}", title(x.filter(|_| kind != Picture::Histogram)))),
    }
}

/// The picture, the column along it and the column of its numbers.
fn choose(chart: &Chart, schema: &SchemaRef) -> Result<(Picture, Option<usize>, usize)> {
    let named = chart.columns.iter().map(|name| find(name, schema)).collect::<Result<Vec<_>>>()?;
    let is = |index: usize, wanted: Role| role(schema.field(index).data_type()) == Some(wanted);
    let first =
        |wanted: Role, but: Option<usize>| (0..schema.fields().len()).find(|i| is(*i, wanted) && Some(*i) != but);
    let (x, y) = match named.as_slice() {
        [x, y] => (Some(*x), Some(*y)),
        [only] if is(*only, Role::Number) => (None, Some(*only)),
        [only] => (Some(*only), first(Role::Number, None)),
        _ => (None, None),
    };
    let y = y.or_else(|| first(Role::Number, x)).filter(|y| is(*y, Role::Number)).ok_or_else(|| no_number(schema))?;
    let along = || first(Role::Time, None).or_else(|| first(Role::Category, None));
    let x = match chart.kind {
        Some(Picture::Histogram) => None,
        _ => x.or_else(|| if chart.columns.is_empty() { along() } else { None }),
    };
    // Without another column to stand along the picture, a second number does.
    let second = || (0..y).find(|i| is(*i, Role::Number)).map(|first| (first, y));
    let (x, y) = match (x, chart.kind, named.len()) {
        (None, Some(Picture::Line | Picture::Bars), 0) => {
            match (first(Role::Number, None), first(Role::Number, Some(y))) {
                (Some(x), Some(y)) => (Some(x), y),
                _ => second().map_or((None, y), |(x, y)| (Some(x), y)),
            }
        }
        _ => (x, y),
    };
    let kind = match (chart.kind, x) {
        (Some(Picture::Bars | Picture::Line), None) => {
            return Err(Error::statement("there is no column for the picture to go along")
                .hint("\\chart hist draws how one number is spread"));
        }
        (Some(Picture::Line), Some(x)) if is(x, Role::Category) => {
            return Err(Error::statement(format!(
                "a line needs a time or a number along it, and {} is neither",
                schema.field(x).name()
            ))
            .hint("\\chart bar draws a category"));
        }
        (Some(kind), _) => kind,
        (None, Some(x)) if is(x, Role::Category) => Picture::Bars,
        (None, Some(_)) => Picture::Line,
        (None, None) => Picture::Histogram,
    };
    Ok((kind, x, y))
}

fn find(name: &str, schema: &SchemaRef) -> Result<usize> {
    let fields = || schema.fields().iter().map(|field| field.name().as_str());
    let found = fields().position(|field| field == name);
    found.or_else(|| fields().position(|field| field.eq_ignore_ascii_case(name))).ok_or_else(|| {
        let error = Error::statement(format!("the last result has no column `{name}`"));
        match nearest(name, fields()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("it has {}", fields().collect::<Vec<_>>().join(", "))),
        }
    })
}

fn no_number(schema: &SchemaRef) -> Error {
    let category = schema.fields().iter().find(|field| role(field.data_type()) == Some(Role::Category));
    let error = Error::statement("no column of the last result is a number, so there is nothing to draw");
    match category {
        Some(field) => error.hint(format!(
            "count something: SELECT {0}, count(*) AS n FROM _ GROUP BY {0}; and then \\chart",
            field.name()
        )),
        None => error.hint("select a number, and a category or a time to draw it by"),
    }
}

fn numbers(column: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let cast = cast(column, &DataType::Float64).map_err(undrawable)?;
    let numbers = cast.as_primitive::<Float64Type>().iter();
    Ok(numbers.map(|number| number.filter(|number| number.is_finite())).collect())
}

/// Times as seconds since 1970.
fn moments(column: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let cast_to = |array: &dyn Array, to: DataType| cast(array, &to).map_err(undrawable);
    let times = cast_to(column.as_ref(), DataType::Timestamp(TimeUnit::Millisecond, None))?;
    let times = cast_to(times.as_ref(), DataType::Int64)?;
    #[expect(clippy::cast_precision_loss, reason = "a picture has fewer places than a double digits")]
    let seconds = |millis: i64| millis as f64 / 1000.0;
    Ok(times.as_primitive::<Int64Type>().iter().map(|millis| millis.map(seconds)).collect())
}

fn undrawable(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("the column cannot be drawn: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampNanosecondArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let fields: Vec<_> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, a)| a).collect()).unwrap()
    }

    fn drawn(words: &[&str], batch: &RecordBatch) -> Result<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let canvas = Canvas { width: 40, height: 10, blocks: false };
        draw(&Chart::read(&words)?, &batch.schema(), std::slice::from_ref(batch), canvas)
    }

    fn statuses() -> RecordBatch {
        batch(vec![
            ("status", Arc::new(StringArray::from(vec![Some("LIVE"), Some("IDLE"), None]))),
            ("n", Arc::new(Int64Array::from(vec![4, 2, 0]))),
        ])
    }

    #[test]
    fn a_category_and_a_number_are_bars() {
        let expected = "n by status\nLIVE ############################## 4\nIDLE ###############                2\nNULL                                0\n";
        let text = drawn(&[], &statuses()).unwrap();
        let trimmed = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(trimmed(&text).len(), trimmed(expected).len());
        assert!(text.starts_with("n by status\nLIVE #") && text.contains("NULL"), "{text}");
        let bar = |name: &str| text.lines().find(|l| l.starts_with(name)).unwrap().matches('#').count();
        assert_eq!(bar("LIVE"), 2 * bar("IDLE"));
        assert_eq!(bar("NULL"), 0);
    }

    #[test]
    fn a_time_and_a_number_are_a_line_and_one_number_a_histogram() {
        let hour = 3_600_000_000_000_i64;
        let times = TimestampNanosecondArray::from(vec![0, hour, 2 * hour]);
        let rows = batch(vec![("v", Arc::new(Float64Array::from(vec![1.0, 5.0, 2.0]))), ("at", Arc::new(times))]);
        let text = drawn(&[], &rows).unwrap();
        assert!(text.starts_with("v by at\n") && text.contains("1970-01-01 00:00") && text.contains("02:00"), "{text}");
        let text = drawn(&["v"], &rows).unwrap();
        assert!(text.starts_with("v\n") && text.contains('#'), "{text}");
    }

    #[test]
    fn what_cannot_be_drawn_is_told_with_what_could() {
        let names = batch(vec![("name", Arc::new(StringArray::from(vec!["a"])))]);
        let error = drawn(&[], &names).unwrap_err();
        assert!(error.hint_text().unwrap().contains("SELECT name, count(*) AS n FROM _ GROUP BY name"));
        let error = drawn(&["stats"], &statuses()).unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `status`?"));
        assert!(drawn(&["line", "status", "n"], &statuses()).unwrap_err().hint_text().unwrap().contains("\\chart bar"));
        assert!(drawn(&["bar", "status", "n", "x"], &statuses()).is_err());
        assert!(drawn(&[], &statuses().slice(0, 0)).unwrap_err().message().contains("no rows"));
    }
}
