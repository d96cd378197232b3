//! Which picture suits a result: bars for a category, a line over a time, how one number is spread.
//! Owns what a column is good for; draws nothing, and knows no format.

use arrow::datatypes::{DataType, Schema};

/// The pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// A bar a category.
    Bars,
    /// A line over a time or a number.
    Line,
    /// How the values of one number are spread.
    Histogram,
}

/// What a column is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its values are heights.
    Number,
    /// It runs along the picture.
    Time,
    /// It names what is drawn.
    Category,
}

/// What a column of this type is good for.
pub fn role(data_type: &DataType) -> Option<Role> {
    match data_type {
        DataType::Dictionary(_, values) => role(values),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(Role::Time),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => Some(Role::Category),
        other if other.is_numeric() => Some(Role::Number),
        _ => None,
    }
}

/// A picture and its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suited {
    /// Which picture.
    pub picture: Picture,
    /// The column along it; none for a histogram.
    pub along: Option<usize>,
    /// The number.
    pub number: usize,
    /// A category that tells several lines apart, where there is one and no other.
    pub by: Option<usize>,
}

/// The picture of a result with this schema: its first number over its first time, else by its first category, else
/// alone. None without a number.
pub fn suited(schema: &Schema) -> Option<Suited> {
    let first = |wanted: Role| schema.fields().iter().position(|field| role(field.data_type()) == Some(wanted));
    let number = first(Role::Number)?;
    let (time, category) = (first(Role::Time), first(Role::Category));
    Some(match (time, category) {
        (Some(time), by) => {
            let others = schema.fields().iter().filter(|field| role(field.data_type()) == Some(Role::Category)).count();
            Suited { picture: Picture::Line, along: Some(time), number, by: by.filter(|_| others == 1) }
        }
        (None, Some(category)) => Suited { picture: Picture::Bars, along: Some(category), number, by: None },
        (None, None) => Suited { picture: Picture::Histogram, along: None, number, by: None },
    })
}
