//! A table for the eye.
//! Owns which columns are shown how wide, and that no value can drive the terminal; comfy-table draws it. Does no I/O.
//!
//! The texts of all rows are kept until the end, because the widths depend on all of them; `max_rows` bounds that, or
//! `settle`, after which the widths stay as they are.
//! What comfy-table makes of a text is many times its size, so it is given a page of rows at a time.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width};

use super::value::{self, Value};
use super::{End, Hidden, Layout, Options, text};
use crate::error::Result;

/// Thin lines, one below the header, none between rows.
const BORDERS: &str = "││──├─┼┤│    ┬┴┌┐└┘";
/// Stands where something was cut off.
const CUT: &str = "…";
/// A column is cut to this width before the columns at the right end are left out.
const LEAST: usize = 10;
/// What a column takes beside its text: a space on each side and a line.
const FRAME: usize = 3;
/// Rows that are drawn at once.
const PAGE: usize = 1000;

/// Begins a table.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    Box::new(Grid::new(schema, options))
}

struct Grid {
    schema: SchemaRef,
    options: Options,
    /// All cells one after the other, row by row, harmless; the header is the first line until it is written.
    texts: String,
    /// Where each cell ends in `texts`.
    ends: Vec<usize>,
    /// Lines that are written and no longer kept, the header among them.
    written: usize,
    /// The widths, once they are settled.
    settled: Option<Vec<usize>>,
    hidden: Hidden,
}

impl Grid {
    fn new(schema: &SchemaRef, options: &Options) -> Grid {
        let mut grid = Grid {
            schema: schema.clone(),
            options: options.clone(),
            texts: String::new(),
            ends: Vec::new(),
            written: 0,
            settled: None,
            hidden: Hidden::default(),
        };
        for field in schema.fields() {
            grid.keep(field.name());
        }
        grid
    }

    /// Keeps `text` as the next cell, with what would move the cursor, change colours or turn the reading direction
    /// shown as an escape.
    fn keep(&mut self, text: &str) {
        // A character takes two places at most, and some take none: what is beyond twice the width is never seen.
        let widest = self.options.width.into_iter().chain(self.options.widest).min();
        let most = widest.map_or(usize::MAX, |width| width.saturating_mul(2).saturating_add(1));
        for (index, character) in text.chars().enumerate() {
            if index == most {
                self.texts.push_str(CUT);
                break;
            }
            escape(&mut self.texts, character);
        }
        self.ends.push(self.texts.len());
    }

    /// How many lines are kept.
    fn lines_kept(&self) -> usize {
        self.ends.len() / self.schema.fields().len().max(1)
    }

    /// How many rows came and are shown, without the header.
    fn rows_kept(&self) -> usize {
        (self.written + self.lines_kept()).saturating_sub(1)
    }

    /// Whether a cell may be longer than its column is wide.
    fn is_cut(&self) -> bool {
        self.options.width.is_some() || self.options.widest.is_some() || self.options.settle.is_some()
    }

    /// A line of the table; the first that was ever kept is the header. In a table of limited width the last cell
    /// stands for the columns that do not fit.
    fn line(&self, line: usize) -> Row {
        let columns = self.schema.fields().len();
        let cells = (line * columns..(line + 1) * columns).map(|cell| {
            let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
            let drawn = Cell::new(&self.texts[start..self.ends[cell]]);
            let row = (self.written + line).checked_sub(1);
            match row.is_some_and(|row| self.options.marked.contains(&(row, cell % columns))) {
                true => drawn.add_attribute(Attribute::Reverse),
                false => drawn,
            }
        });
        if !self.is_cut() {
            return cells.collect::<Vec<_>>().into();
        }
        let mut row = Row::from(cells.chain([Cell::new(CUT)]).collect::<Vec<_>>());
        row.max_height(1);
        row
    }

    /// The lines as comfy-table has them, under the header when that is among them.
    fn page(&self, mut lines: Range<usize>) -> Table {
        let mut table = Table::new();
        table.force_no_tty().load_preset(BORDERS).set_content_arrangement(ContentArrangement::Disabled);
        // A cell is cut anywhere, not between words: no cell has this character.
        table.set_truncation_indicator(CUT).set_delimiter('\0');
        if !self.options.marked.is_empty() {
            table.enforce_styling();
        }
        if self.written + lines.start == 0 {
            if self.options.header {
                table.set_header(self.line(0));
            }
            lines.start = 1;
        }
        table.add_rows(lines.map(|line| self.line(line)));
        table
    }

    /// The lines of each page.
    fn pages(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let lines = self.lines_kept();
        (0..lines).step_by(PAGE).map(move |start| start..lines.min(start + PAGE))
    }

    /// The widths of the columns that are shown.
    fn widths(&self) -> Vec<usize> {
        let mut wanted = vec![1; self.schema.fields().len()];
        for page in self.pages() {
            for (wanted, came) in wanted.iter_mut().zip(self.page(page).column_max_content_widths()) {
                *wanted = usize::from(came).max(*wanted);
            }
        }
        if let Some(widest) = self.options.widest {
            wanted = wanted.into_iter().map(|wanted| wanted.min(widest)).collect();
        }
        match self.options.width {
            Some(total) => share(&wanted, total),
            None => wanted,
        }
    }

    /// Writes what is kept, under widths that stay. `last`: no more rows come.
    fn draw(&mut self, last: bool, out: &mut Vec<u8>) {
        let widths = self.settled.take().unwrap_or_else(|| self.widths());
        self.hidden.columns = self.schema.fields().len() - widths.len();
        let end = self.lines_kept();
        for lines in self.pages() {
            let is_last = last && lines.end == end;
            // Only the first page has the border at the top, and only the last the one at the bottom.
            let above = usize::from(self.written + lines.start > 0);
            let mut page = self.page(lines);
            self.arrange(&mut page, &widths);
            let mut drawn = page.lines().skip(above).peekable();
            while let Some(line) = drawn.next() {
                if is_last || drawn.peek().is_some() {
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
            }
        }
        self.written += end;
        self.texts.clear();
        self.ends.clear();
        if last && end == 0 {
            self.close(&widths, out);
        }
        self.settled = Some(widths);
    }

    /// The border at the bottom, of a table whose rows are all written.
    fn close(&mut self, widths: &[usize], out: &mut Vec<u8>) {
        for _ in 0..self.schema.fields().len() {
            self.keep("");
        }
        let mut page = self.page(0..1);
        self.arrange(&mut page, widths);
        if let Some(line) = page.lines().last() {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }

    /// Gives each column of `page` its width and its side, and hides those that have none.
    fn arrange(&self, page: &mut Table, widths: &[usize]) {
        let fields = self.schema.fields();
        for (index, column) in page.column_iter_mut().enumerate() {
            let mark = index == fields.len() && widths.len() < fields.len();
            let width = if mark { Some(1) } else { widths.get(index).copied() };
            column.set_constraint(match width {
                Some(width) => {
                    ColumnConstraint::Absolute(Width::Fixed(u16::try_from(width + FRAME - 1).unwrap_or(u16::MAX)))
                }
                None => ColumnConstraint::Hidden,
            });
            if fields.get(index).is_some_and(|field| value::is_number(field.data_type())) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
}

impl Layout for Grid {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = self.schema.clone();
        let columns = value::columns(&schema, batch)?;
        let room = self.options.max_rows.map_or(usize::MAX, |most| most.saturating_sub(self.rows_kept()));
        let shown = batch.num_rows().min(room);
        self.hidden.rows += (batch.num_rows() - shown) as u64;
        let (mut scratch, null) = (Vec::new(), self.options.null().to_owned());
        for row in 0..shown {
            for column in &columns {
                match column.value(row) {
                    Value::Null => self.keep(&null),
                    Value::Text(text) | Value::Json(text) => self.keep(text),
                    value => {
                        scratch.clear();
                        text::plain(&mut scratch, &value);
                        self.keep(&String::from_utf8_lossy(&scratch));
                    }
                }
            }
        }
        if shown > 0 && self.options.settle.is_some_and(|rows| self.rows_kept() >= rows) {
            self.draw(false, out);
        }
        Ok(())
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        let nothing_came = (end == End::Cut || !self.options.header) && self.rows_kept() == 0 && self.written == 0;
        if !self.schema.fields().is_empty() && !nothing_came {
            self.draw(true, out);
        }
        Ok(())
    }

    fn hidden(&self) -> Hidden {
        self.hidden
    }
}

/// The widths of the columns that are shown, from the left. What room there is goes to all that want more alike.
fn share(wanted: &[usize], total: usize) -> Vec<usize> {
    let room = total.saturating_sub(1);
    let least = |column: &usize| *column.min(&LEAST) + FRAME;
    let needed = |shown: usize| {
        let mark = if shown < wanted.len() { 1 + FRAME } else { 0 };
        wanted[..shown].iter().map(least).sum::<usize>() + mark
    };
    // One column is shown even where there is no room for it; then it gets what there is.
    let shown = (1..=wanted.len()).rev().find(|shown| needed(*shown) <= room).unwrap_or(wanted.len().min(1));
    let mut spare = room.saturating_sub(needed(shown));
    let excess = needed(shown).saturating_sub(room);
    let mut widths: Vec<usize> =
        wanted[..shown].iter().map(|column| (*column.min(&LEAST)).saturating_sub(excess).max(1)).collect();
    while spare > 0 {
        let before = spare;
        for (width, wanted) in widths.iter_mut().zip(wanted) {
            if spare > 0 && *width < *wanted {
                *width += 1;
                spare -= 1;
            }
        }
        if spare == before {
            break;
        }
    }
    widths
}

/// `text` with nothing in it that could drive the terminal.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|character| escape(&mut shown, character));
    shown
}

/// How many places of the terminal each text takes.
#[must_use]
pub fn widths_of<T: AsRef<str>>(texts: &[T]) -> Vec<usize> {
    let mut table = Table::new();
    table.force_no_tty().add_row(texts.iter().map(|text| Cell::new(text.as_ref())).collect::<Vec<_>>());
    let widths = table.column_max_content_widths().into_iter();
    widths.zip(texts).map(|(width, text)| if text.as_ref().is_empty() { 0 } else { usize::from(width) }).collect()
}

/// How wide a table of these rows is with every value whole.
///
/// # Errors
/// When a batch has other columns than announced.
pub fn natural_width(options: &Options, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<usize> {
    let whole = Options { width: None, widest: None, settle: None, max_rows: None, ..options.clone() };
    let mut grid = Grid::new(schema, &whole);
    for batch in batches {
        grid.rows(batch, &mut Vec::new())?;
    }
    Ok(grid.widths().iter().map(|width| width + FRAME).sum::<usize>() + 1)
}

/// Control characters, line breaks in all their forms, and what overrides the direction of text.
fn escape(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            shown.extend(character.escape_unicode());
        }
        _ if character.is_control() => shown.extend(character.escape_unicode()),
        _ => shown.push(character),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::super::tests::{batch, numbers, printed};
    use super::super::{Format, Printer};
    use super::*;

    fn texts(cells: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringArray::from(cells))
    }

    fn options(width: Option<usize>) -> Options {
        Options { width, ..Options::new(Format::Table) }
    }

    #[test]
    fn a_table_without_its_header_has_its_frame() {
        let bare = Options { header: false, ..options(None) };
        assert_eq!(printed(&bare, &numbers(2)), "┌───┐\n│ 0 │\n│ 1 │\n└───┘\n");
        assert_eq!(printed(&bare, &numbers(0)), "");
    }

    #[test]
    fn numbers_stand_right_text_left_and_null_by_its_word() {
        let rows = batch(vec![
            ("n", Arc::new(Int64Array::from(vec![Some(5), Some(-1200), None]))),
            ("name", texts(vec![Some("a"), None, Some("")])),
        ]);
        let null = Options { null: Some("∅".to_owned()), ..options(None) };
        assert_eq!(
            printed(&null, &rows),
            "\
┌───────┬──────┐
│     n │ name │
├───────┼──────┤
│     5 │ a    │
│ -1200 │ ∅    │
│     ∅ │      │
└───────┴──────┘
"
        );
    }

    #[test]
    fn wide_and_combined_characters_keep_the_lines_straight() {
        let rows = batch(vec![("t", texts(vec![Some("日本"), Some("e\u{301}"), Some("👩‍👩‍👧"), Some("abcd")]))]);
        assert_eq!(
            printed(&options(None), &rows),
            "┌──────┐\n│ t    │\n├──────┤\n│ 日本 │\n│ e\u{301}    │\n│ 👩‍👩‍👧   │\n│ abcd │\n└──────┘\n"
        );
    }

    #[test]
    fn a_value_cannot_drive_the_terminal() {
        let hostile = "a\nb\tc\rd\u{1b}[2Je\u{9b}f\u{202e}g\u{2066}h\u{7f}i\u{2028}j\0k\u{8}";
        let text = printed(&options(None), &batch(vec![(hostile, texts(vec![Some(hostile)]))]));
        let shown = r"a\nb\tc\rd\u{1b}[2Je\u{9b}f\u{202e}g\u{2066}h\u{7f}i\u{2028}j\u{0}k\u{8}";
        assert_eq!(text.matches(shown).count(), 2, "the name is escaped as the value is: {text}");
        let lines = text.lines().count();
        assert_eq!(lines, 5);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && !('\u{2028}'..='\u{2069}').contains(&c)));
    }

    #[test]
    fn long_cells_are_cut_where_the_room_ends() {
        let rows = batch(vec![("id", texts(vec![Some("1")])), ("t", texts(vec![Some("one two three four five six")]))]);
        assert_eq!(
            printed(&options(Some(24)), &rows),
            "\
┌────┬─────────────────┐
│ id │ t               │
├────┼─────────────────┤
│ 1  │ one two three … │
└────┴─────────────────┘
"
        );
        assert!(printed(&options(None), &rows).contains("one two three four five six"), "without a width it is whole");
        assert!(printed(&options(Some(36)), &rows).contains("four five six │"), "what fits exactly is whole");
        assert!(printed(&options(Some(35)), &rows).contains("four five s…"));
    }

    fn cells(character: char) -> usize {
        if ('\u{3000}'..'\u{a000}').contains(&character) { 2 } else { 1 }
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        let rows = batch(vec![("t", texts(vec![Some("日本語日本語日本語")]))]);
        for width in 5..24 {
            let text = printed(&options(Some(width)), &rows);
            let lengths: Vec<_> = text.lines().map(|line| line.chars().map(cells).sum::<usize>()).collect();
            assert!(lengths.iter().all(|length| *length == lengths[0] && *length <= width), "{width}\n{text}");
        }
    }

    #[test]
    fn columns_without_room_are_left_out_and_counted() {
        let rows = batch((0..20).map(|_| ("a_long_column", texts(vec![Some("some long value")]))).collect());
        let mut out = Vec::new();
        let mut printer = Printer::new(&options(Some(80)), &rows.schema(), &mut out);
        let _ = printer.write(&rows).unwrap();
        assert_eq!(printer.finish().unwrap().hidden_columns, 15);
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() == 80), "{text}");
        assert!(text.lines().nth(1).unwrap().ends_with("│ … │"));
    }

    #[test]
    fn room_is_shared_among_those_that_want_it() {
        assert_eq!(share(&[3, 50, 50], 80), [3, 34, 33], "the first takes what it needs");
        assert_eq!(share(&[3, 4], 80), [3, 4]);
        assert_eq!(share(&[50], 4), [1], "one column is always shown");
        assert_eq!(share(&[], 80), Vec::<usize>::new());
    }

    #[test]
    fn a_very_long_cell_is_cut_in_no_time_and_whole_without_a_width() {
        let long = "x".repeat(300_000);
        let rows = batch(vec![("t", texts(vec![Some(&long)]))]);
        assert_eq!(printed(&options(Some(40)), &rows).lines().nth(3).unwrap().chars().count(), 40);
        assert_eq!(printed(&options(None), &rows).matches('x').count(), 300_000);
    }

    #[test]
    fn rows_beyond_the_most_are_counted_not_shown() {
        let rows = numbers(10);
        let most = Options { max_rows: Some(7), ..options(None) };
        let mut out = Vec::new();
        let mut printer = Printer::new(&most, &rows.schema(), &mut out);
        for _ in 0..3 {
            let _ = printer.write(&rows).unwrap();
        }
        let outcome = printer.finish().unwrap();
        assert_eq!((outcome.rows, outcome.hidden_rows), (30, 23));
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 7 + 4);
    }

    #[test]
    fn pages_make_one_table() {
        for count in [0, 1, PAGE - 2, PAGE - 1, PAGE, 3 * PAGE] {
            let rows = numbers(i64::try_from(count).unwrap());
            let text = printed(&options(None), &rows);
            let width = text.lines().next().unwrap().chars().count();
            assert!(text.lines().all(|line| line.chars().count() == width), "{count}");
            let values: Vec<_> =
                text.lines().filter_map(|line| line.trim_matches(['│', ' ']).parse::<usize>().ok()).collect();
            assert_eq!(values, (0..count).collect::<Vec<_>>());
            assert_eq!(text.lines().count(), count + 4, "three borders and the header");
            assert_eq!(text.matches(['┌', '├', '└']).count(), 3);
        }
    }

    #[test]
    fn widths_that_are_settled_stay_and_later_rows_are_written_as_they_come() {
        let first = batch(vec![("t", texts(vec![Some("abcdef"), Some("b")]))]);
        let later = batch(vec![("t", texts(vec![Some("longer than the first"), Some("日本語日本語")]))]);
        let mut out = Vec::new();
        let settle = Options { settle: Some(2), ..options(None) };
        let mut printer = Printer::new(&settle, &first.schema(), &mut out);
        let _ = printer.write(&first).unwrap();
        assert_eq!(String::from_utf8_lossy(printer.to).lines().count(), 5, "the rows are out, the table is open");
        let _ = printer.write(&later).unwrap();
        printer.finish().unwrap();
        let expected = "\
┌────────┐
│ t      │
├────────┤
│ abcdef │
│ b      │
│ longe… │
│ 日本…  │
└────────┘
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_settled_table_counts_what_it_hides_and_may_end_with_its_first_rows() {
        let rows = numbers(10);
        let most = Options { max_rows: Some(4), settle: Some(4), ..options(None) };
        let mut out = Vec::new();
        let mut printer = Printer::new(&most, &rows.schema(), &mut out);
        for _ in 0..3 {
            let _ = printer.write(&rows).unwrap();
        }
        assert_eq!(printer.finish().unwrap().hidden_rows, 26);
        let text = String::from_utf8(out).unwrap();
        assert_eq!((text.lines().count(), text.matches(['┌', '├', '└']).count()), (8, 3), "{text}");
    }

    #[test]
    fn marked_cells_stand_out_and_move_nothing() {
        let rows = numbers(3);
        let marked = Options { marked: std::sync::Arc::new([(1, 0)].into()), ..options(None) };
        let text = printed(&marked, &rows);
        let line = text.lines().nth(4).unwrap();
        assert!(line.contains("\u{1b}[7m") && line.contains('1'), "{line:?}");
        assert_eq!(text.matches("\u{1b}[7m").count(), 1);
    }

    #[test]
    fn the_natural_width_is_that_of_the_whole_table() {
        let rows = batch(vec![("id", texts(vec![Some("1")])), ("t", texts(vec![Some("one two 日本")]))]);
        let width = natural_width(&options(Some(20)), &rows.schema(), std::slice::from_ref(&rows)).unwrap();
        let whole = printed(&options(None), &rows);
        assert_eq!(width, whole.lines().next().unwrap().chars().count());
        assert_eq!(widths_of(&["日本", "", "e\u{301}x"]), [4, 0, 2]);
    }
}
