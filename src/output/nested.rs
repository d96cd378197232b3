//! Columns whose cells have parts (lists, structs, maps) or stand for a cell elsewhere (dictionaries, runs, unions).
//! Owns how Arrow keeps such parts; the flat types are `value`'s. Knows no format.

use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, RunArray, UnionArray};
use arrow::datatypes::{
    ArrowNativeType, DataType, Field, Fields, Int16Type, Int32Type, Int64Type, RunEndIndexType, UnionFields,
};

use super::value::{Column, Read, Value};
use crate::error::{Error, Kind, Result};

/// The items of one list.
pub struct Items<'a> {
    items: Rc<Column<'a>>,
    rows: Range<usize>,
}

impl<'a> Items<'a> {
    /// The items in their order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        self.rows.clone().map(|row| self.items.value(row))
    }
}

/// The members of one struct.
pub struct Members<'a> {
    members: Rc<Vec<(String, Column<'a>)>>,
    row: usize,
}

impl<'a> Members<'a> {
    /// Names, each once, and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.members.iter().map(|(name, column)| (name.as_str(), column.value(self.row)))
    }
}

/// The entries of one map.
pub struct Pairs<'a> {
    keys: Rc<Column<'a>>,
    values: Rc<Column<'a>>,
    rows: Range<usize>,
}

impl<'a> Pairs<'a> {
    /// Keys and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        self.rows.clone().map(|row| (self.keys.value(row), self.values.value(row)))
    }
}

/// The names of `fields`, made different where they are alike: an object with one key twice is read differently by
/// every reader. The second `name` becomes `name_1`, or the next number that no column has.
pub fn distinct_names(fields: &Fields) -> Vec<String> {
    let mut taken: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for field in fields {
        // The first of a name keeps it.
        let mut name = field.name().clone();
        if !seen.insert(field.name()) {
            let mut number = 1_u64;
            name = format!("{}_{number}", field.name());
            while !taken.insert(name.clone()) {
                number += 1;
                name = format!("{}_{number}", field.name());
            }
        }
        names.push(name);
    }
    names
}

/// A reader for the types that have parts or stand for others.
pub(super) fn read<'a>(field: &Field, array: &'a dyn Array) -> Result<Read<'a>> {
    let read = match array.data_type() {
        DataType::Null => Some(Box::new(|_| Value::Null) as Read<'a>),
        DataType::List(item) => lists::<i32>(item, array)?,
        DataType::LargeList(item) => lists::<i64>(item, array)?,
        DataType::ListView(item) => list_views::<i32>(item, array)?,
        DataType::LargeListView(item) => list_views::<i64>(item, array)?,
        DataType::FixedSizeList(item, _) => fixed_lists(item, array)?,
        DataType::Struct(fields) => structs(fields, array)?,
        DataType::Map(..) => maps(array)?,
        DataType::Union(fields, _) => match array.as_union_opt() {
            Some(array) => Some(unions(fields, array)?),
            None => None,
        },
        DataType::Dictionary(..) => dictionaries(field, array)?,
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(field, array.as_run_opt())?,
            DataType::Int32 => runs::<Int32Type>(field, array.as_run_opt())?,
            _ => runs::<Int64Type>(field, array.as_run_opt())?,
        },
        _ => None,
    };
    read.ok_or_else(|| {
        let (name, data_type) = (field.name(), array.data_type());
        Error::new(Kind::Internal, format!("weir cannot print column `{name}`, which is of type {data_type}"))
            .hint(format!("cast it to a type that it can print: CAST({name} AS VARCHAR)"))
    })
}

fn child<'a>(field: &Field, array: &'a ArrayRef) -> Result<Rc<Column<'a>>> {
    Column::new(field, array.as_ref()).map(Rc::new)
}

fn lists<'a, O: OffsetSizeTrait>(item: &Field, array: &'a dyn Array) -> Result<Option<Read<'a>>> {
    let Some(array) = array.as_list_opt::<O>() else { return Ok(None) };
    let (items, ends) = (child(item, array.values())?, array.value_offsets());
    Ok(Some(Box::new(move |row| {
        Value::List(Items { items: Rc::clone(&items), rows: ends[row].as_usize()..ends[row + 1].as_usize() })
    })))
}

fn list_views<'a, O: OffsetSizeTrait>(item: &Field, array: &'a dyn Array) -> Result<Option<Read<'a>>> {
    let Some(array) = array.as_list_view_opt::<O>() else { return Ok(None) };
    let items = child(item, array.values())?;
    Ok(Some(Box::new(move |row| {
        let start = array.value_offset(row).as_usize();
        Value::List(Items { items: Rc::clone(&items), rows: start..start + array.value_size(row).as_usize() })
    })))
}

fn fixed_lists<'a>(item: &Field, array: &'a dyn Array) -> Result<Option<Read<'a>>> {
    let Some(array) = array.as_fixed_size_list_opt() else { return Ok(None) };
    let items = child(item, array.values())?;
    // The child of a sliced array is sliced too, so the rows count from zero.
    let length = usize::try_from(array.value_length()).unwrap_or_default();
    Ok(Some(Box::new(move |row| {
        Value::List(Items { items: Rc::clone(&items), rows: row * length..(row + 1) * length })
    })))
}

fn structs<'a>(fields: &Fields, array: &'a dyn Array) -> Result<Option<Read<'a>>> {
    let Some(array) = array.as_struct_opt() else { return Ok(None) };
    let columns = fields.iter().zip(array.columns()).map(|(field, column)| Column::new(field, column.as_ref()));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let members: Rc<Vec<_>> = Rc::new(distinct_names(fields).into_iter().zip(columns).collect());
    Ok(Some(Box::new(move |row| Value::Struct(Members { members: Rc::clone(&members), row }))))
}

fn maps(array: &dyn Array) -> Result<Option<Read<'_>>> {
    let Some(array) = array.as_map_opt() else { return Ok(None) };
    let fields = array.entries().fields();
    let (keys, values) = (child(&fields[0], array.keys())?, child(&fields[1], array.values())?);
    let ends = array.value_offsets();
    Ok(Some(Box::new(move |row| {
        let rows = ends[row].as_usize()..ends[row + 1].as_usize();
        Value::Map(Pairs { keys: Rc::clone(&keys), values: Rc::clone(&values), rows })
    })))
}

/// A union's cell is its active child's cell. JSON functions yield such a union, its objects and arrays marked as JSON.
fn unions<'a>(fields: &UnionFields, array: &'a UnionArray) -> Result<Read<'a>> {
    let mut children: Vec<Option<Column<'a>>> = Vec::new();
    for (id, field) in fields.iter() {
        let id = usize::try_from(id).unwrap_or_default();
        if children.len() <= id {
            children.resize_with(id + 1, || None);
        }
        children[id] = Some(Column::new(field, array.child(i8::try_from(id).unwrap_or_default()).as_ref())?);
    }
    Ok(Box::new(move |row| {
        let id = usize::try_from(array.type_id(row)).unwrap_or(usize::MAX);
        children.get(id).and_then(Option::as_ref).map_or(Value::Null, |child| child.value(array.value_offset(row)))
    }))
}

fn dictionaries<'a>(field: &Field, array: &'a dyn Array) -> Result<Option<Read<'a>>> {
    let Some(array) = array.as_any_dictionary_opt() else { return Ok(None) };
    let keys = Column::new(&Field::new("", array.keys().data_type().clone(), true), array.keys())?;
    let (words, values) = (array.values().len(), Column::new(field, array.values().as_ref())?);
    Ok(Some(Box::new(move |row| {
        let key = match keys.value(row) {
            Value::Int(key) => usize::try_from(key).ok(),
            Value::UInt(key) => usize::try_from(key).ok(),
            _ => None,
        };
        key.filter(|key| *key < words).map_or(Value::Null, |key| values.value(key))
    })))
}

fn runs<'a, R: RunEndIndexType>(field: &Field, array: Option<&'a RunArray<R>>) -> Result<Option<Read<'a>>> {
    let Some(array) = array else { return Ok(None) };
    let values = Column::new(field, array.values().as_ref())?;
    Ok(Some(Box::new(move |row| values.value(array.get_physical_index(row)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_different_without_taking_another_columns_name() {
        let names = |names: &[&str]| {
            distinct_names(&names.iter().map(|name| Field::new(*name, DataType::Null, true)).collect::<Fields>())
        };
        assert_eq!(names(&["a", "b", "a", "a"]), ["a", "b", "a_1", "a_2"]);
        assert_eq!(names(&["a", "a", "a_1"]), ["a", "a_2", "a_1"]);
        assert_eq!(names(&["a_1", "a", "a", "a_1"]), ["a_1", "a", "a_2", "a_1_1"]);
        assert_eq!(names(&["A", "a"]), ["A", "a"]);
    }
}
