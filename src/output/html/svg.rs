//! The picture above a table, as SVG: bars of a category, lines over a time, how one number is spread.
//! Owns when a picture helps more than it takes, which points are kept, and the drawing. Knows nothing of the page.

use std::fmt::Write as _;

use arrow::datatypes::Schema;

use super::escape;
use crate::output::moment::Moment;
use crate::output::picture::{Picture, Suited};
use crate::output::text;
use crate::output::value::Value;

/// A result of more columns is a list of things, and no series of numbers.
const MOST_COLUMNS: usize = 4;
/// More bars tell nothing.
const MOST_BARS: usize = 40;
/// As many lines as can be told apart.
const MOST_LINES: usize = 8;
/// More points are thinned out.
const MOST_POINTS: usize = 4096;
/// Bars of a histogram.
const BINS: usize = 20;
/// The width of the drawing, in its own units.
const WIDTH: f64 = 900.0;

/// What is kept of the rows for the picture.
pub struct Sketch {
    suited: Suited,
    title: String,
    /// Every so-manyth row is kept.
    stride: usize,
    rows: usize,
    points: Vec<Point>,
    lines: Vec<String>,
}

struct Point {
    /// Which line, or which bar.
    label: usize,
    along: f64,
    height: f64,
}

impl Sketch {
    /// None where a picture would only be in the way.
    pub fn new(suited: Suited, schema: &Schema) -> Option<Sketch> {
        let name = |index: usize| schema.field(index).name().to_lowercase();
        let is_key = name(suited.number) == "id" || name(suited.number).ends_with("_id");
        if is_key || schema.fields().len() > MOST_COLUMNS {
            return None;
        }
        if suited.picture == Picture::Histogram && schema.fields().len() > 1 {
            return None;
        }
        let number = schema.field(suited.number).name();
        let title = match suited.along {
            Some(along) => format!("{number} by {}", schema.field(along).name()),
            None => format!("{number}: how often"),
        };
        Some(Sketch { suited, title, stride: 1, rows: 0, points: Vec::new(), lines: Vec::new() })
    }

    /// Takes a row. None when no picture suits any more.
    pub fn add<'a>(mut self, cell: impl Fn(usize) -> Value<'a>) -> Option<Sketch> {
        self.rows += 1;
        let Suited { picture, along, by, .. } = self.suited;
        if picture != Picture::Bars && !(self.rows - 1).is_multiple_of(self.stride) {
            return Some(self);
        }
        let label = match (picture, along, by) {
            (Picture::Bars, Some(x), _) => Some(x),
            (_, _, by) => by,
        };
        let label = label.map_or_else(String::new, |index| word(&cell(index)));
        let known = self.lines.iter().position(|line| *line == label);
        let most = if picture == Picture::Bars { MOST_BARS } else { MOST_LINES };
        // A bar a row: a category that comes again is none.
        if (picture == Picture::Bars && known.is_some()) || (known.is_none() && self.lines.len() == most) {
            return None;
        }
        let label = known.unwrap_or_else(|| {
            self.lines.push(label);
            self.lines.len() - 1
        });
        let place = along.filter(|_| picture == Picture::Line).map(|index| place(&cell(index)));
        if let (Some(height), Some(along)) = (number(&cell(self.suited.number)), place.unwrap_or(Some(0.0))) {
            self.points.push(Point { label, along, height });
        }
        if self.points.len() > MOST_POINTS {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
        Some(self)
    }

    /// Appends the picture, unless there is too little to draw.
    pub fn draw(mut self, out: &mut Vec<u8>) {
        if self.points.len() < 2 {
            return;
        }
        let body = match self.suited.picture {
            Picture::Bars => {
                let label = |point: &Point| self.lines[point.label].clone();
                bars(&self.points.iter().map(|point| (label(point), point.height)).collect::<Vec<_>>())
            }
            Picture::Histogram => bars(&spread(&self.points)),
            Picture::Line => {
                self.points.sort_by(|a, b| a.along.total_cmp(&b.along));
                if self.points[0].along >= self.points[self.points.len() - 1].along {
                    return;
                }
                lines(&self.points, &self.lines)
            }
        };
        out.extend_from_slice(b"<figure><figcaption>");
        escape(out, &self.title);
        out.extend_from_slice(b"</figcaption>\n");
        out.extend_from_slice(body.as_bytes());
        if self.stride > 1 {
            out.extend_from_slice(format!("<p>One of {} rows is drawn.</p>\n", self.stride).as_bytes());
        }
        out.extend_from_slice(b"</figure>\n");
    }
}

fn word(value: &Value<'_>) -> String {
    if matches!(value, Value::Null) {
        return "NULL".to_owned();
    }
    let mut bytes = Vec::new();
    text::plain(&mut bytes, value);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn number(value: &Value<'_>) -> Option<f64> {
    word(value).parse().ok().filter(|number: &f64| number.is_finite())
}

/// Seconds since 1970.
fn place(value: &Value<'_>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a picture has fewer places than a double digits")]
    match value {
        Value::Moment(Moment::Timestamp(seconds, nanos)) => Some(*seconds as f64 + f64::from(*nanos) / 1e9),
        Value::Moment(Moment::Date(days)) => Some(*days as f64 * 86_400.0),
        _ => None,
    }
}

/// How many points lie in each part of their range.
fn spread(points: &[Point]) -> Vec<(String, f64)> {
    let least = points.iter().map(|point| point.height).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|point| point.height).fold(f64::NEG_INFINITY, f64::max);
    if least >= most {
        return vec![(short(least), float(points.len()))];
    }
    let width = (most - least) / float(BINS);
    let mut bins = [0_usize; BINS];
    for point in points {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the number of bins")]
        let bin = ((point.height - least) / width) as usize;
        bins[bin.min(BINS - 1)] += 1;
    }
    let label = |bin: usize| format!("from {}", short(least + width * float(bin)));
    bins.iter().enumerate().map(|(bin, count)| (label(bin), float(*count))).collect()
}

/// A bar below the other, its label to the left and its number behind it.
fn bars(values: &[(String, f64)]) -> String {
    const LEFT: f64 = 200.0;
    const RIGHT: f64 = 90.0;
    const STEP: f64 = 24.0;
    let least = values.iter().map(|(_, value)| *value).fold(0.0, f64::min);
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let span = if most > least { most - least } else { 1.0 };
    let x = |value: f64| LEFT + (value - least) / span * (WIDTH - LEFT - RIGHT);
    let mut svg = begin(STEP * float(values.len()) + 4.0);
    for (index, (label, value)) in values.iter().enumerate() {
        let top = STEP * float(index) + 2.0;
        let (from, to) = (x(value.min(0.0)), x(value.max(0.0)));
        let (middle, width) = (top + 14.5, (to - from).max(if *value == 0.0 { 0.0 } else { 1.5 }));
        let label_shown = shown(&cut(label));
        let _ = writeln!(
            svg,
            "<g><title>{}: {}</title><text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{label_shown}</text>\
             <rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"20\" rx=\"2\" style=\"fill:var(--s0)\"/>\
             <text class=\"faint\" x=\"{:.1}\" y=\"{middle:.1}\">{}</text></g>",
            shown(label),
            short(*value),
            LEFT - 8.0,
            to + 6.0,
            short(*value)
        );
    }
    svg + "</svg>\n"
}

/// Lines over a time, with round numbers at the side and the first and last moment below.
fn lines(points: &[Point], names: &[String]) -> String {
    const LEFT: f64 = 70.0;
    const BOTTOM: f64 = 240.0;
    const TOP: f64 = 12.0;
    let first = points.first().map_or(0.0, |point| point.along);
    let last = points.last().map_or(1.0, |point| point.along);
    let (low, high, step) = rounded(points);
    let x = |along: f64| LEFT + (along - first) / (last - first) * (WIDTH - LEFT - 10.0);
    let y = |height: f64| BOTTOM - (height - low) / (high - low) * (BOTTOM - TOP);
    let legend = if names.len() > 1 { 26.0 } else { 0.0 };
    let mut svg = begin(BOTTOM + 28.0 + legend);
    let mut rule = low;
    while rule <= high + step / 2.0 {
        let at = y(rule);
        let _ = writeln!(
            svg,
            "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"faint\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            short(rule)
        );
        rule += step;
    }
    for (at, anchor) in [(first, "start"), (f64::midpoint(first, last), "middle"), (last, "end")] {
        let _ = writeln!(
            svg,
            "<text class=\"faint\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(at),
            BOTTOM + 20.0,
            moment(at, last - first)
        );
    }
    for (index, name) in names.iter().enumerate() {
        let _ = write!(svg, "<polyline style=\"stroke:var(--s{index})\" points=\"");
        for point in points.iter().filter(|point| point.label == index) {
            let _ = write!(svg, "{:.1},{:.1} ", x(point.along), y(point.height));
        }
        let _ = writeln!(svg, "\"><title>{}</title></polyline>", shown(name));
    }
    if names.len() > 1 {
        let each = (WIDTH - LEFT) / float(names.len());
        for (index, name) in names.iter().enumerate() {
            let (left, at) = (LEFT + each * float(index), BOTTOM + 44.0);
            let most = (each / 8.0).max(6.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a hundred letters")]
            let name: String = name.chars().take(most as usize).collect();
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" rx=\"2\" style=\"fill:var(--s{index})\"/>\
                 <text x=\"{:.1}\" y=\"{at:.1}\">{}</text>",
                at - 9.0,
                left + 15.0,
                shown(&name)
            );
        }
    }
    svg + "</svg>\n"
}

fn begin(height: f64) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\n")
}

/// The range of the heights between round numbers, and the step between these. Zero is in it unless it is far away.
fn rounded(points: &[Point]) -> (f64, f64, f64) {
    let least = points.iter().map(|point| point.height).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|point| point.height).fold(f64::NEG_INFINITY, f64::max);
    let (least, most) = match (least, most) {
        (least, most) if least > 0.0 && most - least > most / 4.0 => (0.0, most),
        (least, most) if least >= most => (least.min(0.0), most.max(1.0)),
        range => range,
    };
    let rough = (most - least) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    ((least / step).floor() * step, (most / step).ceil() * step, step)
}

/// A number with as many digits as a picture needs.
fn short(value: f64) -> String {
    if value.abs() >= 1e15 || (value != 0.0 && value.abs() < 1e-3) {
        return format!("{value:.2e}");
    }
    let digits = if value.abs() >= 1000.0 { 1 } else { 3 };
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Seconds since 1970 as the calendar has them; to the minute, to the second where all is within an hour.
fn moment(seconds: f64, span: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "times in results are within the calendar")]
    let whole = seconds.floor() as i64;
    let mut bytes = Vec::new();
    Moment::Timestamp(whole, 0).write(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).replace('T', " ");
    let kept = match span {
        span if span >= 10.0 * 86_400.0 => text.len().saturating_sub("_00:00:00Z".len()),
        span if span >= 3600.0 => text.len().saturating_sub(":00Z".len()),
        _ => text.len().saturating_sub(1),
    };
    text[..kept].to_owned()
}

fn cut(label: &str) -> String {
    /// As many letters as fit beside the bars, wide ones being two.
    const PLACES: usize = 28;
    let mut shown = String::new();
    for character in label.chars() {
        shown.push(character);
        if crate::output::widths_of(&[&shown])[0] > PLACES {
            shown.pop();
            return shown + "…";
        }
    }
    shown
}

fn shown(text: &str) -> String {
    let mut bytes = Vec::new();
    escape(&mut bytes, text);
    String::from_utf8_lossy(&bytes).replace('\n', " ")
}

fn float(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows and places")]
    let float = count as f64;
    float
}
