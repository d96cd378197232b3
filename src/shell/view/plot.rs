//! Bars, lines and histograms of characters, blocks where they are understood. Numbers and labels come in, a text goes
//! out; must not know where they are from.

use std::fmt::Write as _;

use super::chart::Canvas;
use crate::output::widths_of;

/// More bars are counted, not drawn.
const MOST_BARS: usize = 40;
/// Parts of a histogram.
const BINS: usize = 10;
/// A label is cut to this width.
const LABEL: usize = 30;

/// A bar a label; negative values go to the left of the axis.
pub fn bars(values: &[(String, Option<f64>)], canvas: Canvas) -> String {
    let shown = &values[..values.len().min(MOST_BARS)];
    let labels: Vec<String> = shown.iter().map(|(label, _)| cut(label, LABEL.min(canvas.width / 3), canvas)).collect();
    let texts: Vec<String> = shown.iter().map(|(_, value)| value.map_or_else(|| "NULL".to_owned(), short)).collect();
    let widths = widths_of(&labels);
    let widest = |widths: &[usize]| widths.iter().copied().max().unwrap_or_default();
    let label_width = widest(&widths);
    let room = canvas.width.saturating_sub(label_width + widest(&widths_of(&texts)) + 3).max(5);
    let all = || shown.iter().filter_map(|(_, value)| *value);
    let (least, most) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
    let span = if most > least { most - least } else { 1.0 };
    let left = places(-least / span * to_float(room));
    let mut out = String::new();
    for ((label, width), ((_, value), text)) in labels.iter().zip(widths).zip(shown.iter().zip(&texts)) {
        let value = value.unwrap_or_default();
        let length = value.abs() / span * to_float(room);
        let bar = match value < 0.0 {
            true => format!("{:>left$}", bar(length, canvas.blocks)),
            false => format!("{:left$}{}", "", bar(length, canvas.blocks)),
        };
        let _ = writeln!(out, "{label}{} {bar} {text}", " ".repeat(label_width - width));
    }
    if values.len() > shown.len() {
        let _ = writeln!(out, "and {} more", values.len() - shown.len());
    }
    out
}

/// A bar of so many places; what is there at all is seen.
fn bar(length: f64, blocks: bool) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if !blocks {
        return "#".repeat(places(length).max(usize::from(length > 0.0)));
    }
    let eighths = places(length * 8.0).max(usize::from(length > 0.0));
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// How many values lie in each of ten parts of their range.
pub fn histogram(values: &[f64], canvas: Canvas) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return String::new();
    }
    let bins = if most > least { BINS } else { 1 };
    let step = (most - least) / to_float(bins);
    let mut counts = vec![0_usize; bins];
    for value in values {
        let bin = if step > 0.0 { floor((value - least) / step) } else { 0 };
        counts[bin.min(bins - 1)] += 1;
    }
    let labelled = counts.iter().enumerate().map(|(bin, count)| {
        let edge = |bin: usize| short(least + step * to_float(bin));
        let label = if bins == 1 { short(least) } else { format!("{} .. {}", edge(bin), edge(bin + 1)) };
        (label, Some(to_float(*count)))
    });
    bars(&labelled.collect::<Vec<_>>(), canvas)
}

/// Points joined from left to right, with the ends of both axes.
pub fn line(mut points: Vec<(f64, f64)>, is_time: bool, canvas: Canvas) -> String {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let (left, right) = (first.0, last.0);
    let bottom = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let top = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let labels = [short(top), short(bottom)];
    let margin = labels.iter().map(|l| l.chars().count()).max().unwrap_or_default();
    let columns = canvas.width.saturating_sub(margin + 3).max(10);
    let rows = canvas.height.saturating_sub(4).clamp(4, 20);
    let mut dots = Dots::new(columns, rows, canvas.blocks);
    let scale = |value: f64, from: f64, to: f64, steps: usize| {
        if to > from { places((value - from) / (to - from) * to_float(steps - 1)) } else { steps / 2 }
    };
    let (width, height) = (dots.width(), dots.height());
    let place = |(x, y): (f64, f64)| (scale(x, left, right, width), scale(y, bottom, top, height));
    let mut before = None;
    for point in points.iter().map(|point| place(*point)) {
        dots.join(before.unwrap_or(point), point);
        before = Some(point);
    }
    let mut out = String::new();
    for (row, text) in dots.rows().into_iter().enumerate() {
        let label = if row == 0 {
            labels[0].as_str()
        } else if row + 1 == rows {
            labels[1].as_str()
        } else {
            ""
        };
        let axis = if canvas.blocks { '│' } else { '|' };
        let _ = writeln!(out, "{label:>margin$} {axis}{}", text.trim_end());
    }
    let at = |value: f64| if is_time { moment(value, right - left) } else { short(value) };
    let (from, to) = (at(left), at(right));
    let gap = columns.saturating_sub(from.chars().count() + to.chars().count());
    let (corner, dash) = if canvas.blocks { ("└", "─") } else { ("+", "-") };
    let _ = writeln!(out, "{:margin$} {corner}{}", "", dash.repeat(columns));
    let _ = writeln!(out, "{:margin$}  {from}{}{to}", "", " ".repeat(gap));
    out
}

/// A field of dots: eight a character where blocks are understood, one where not.
struct Dots {
    columns: usize,
    rows: usize,
    fine: bool,
    set: Vec<bool>,
}

impl Dots {
    fn new(columns: usize, rows: usize, fine: bool) -> Dots {
        let mut dots = Dots { columns, rows, fine, set: Vec::new() };
        dots.set = vec![false; dots.width() * dots.height()];
        dots
    }

    fn width(&self) -> usize {
        if self.fine { self.columns * 2 } else { self.columns }
    }

    fn height(&self) -> usize {
        if self.fine { self.rows * 4 } else { self.rows }
    }

    /// Sets the dots of the way between two; `y` counts from below.
    fn join(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) {
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        for step in 0..=steps {
            let part = to_float(step) / to_float(steps);
            let between = |a: usize, b: usize| places(to_float(a) + (to_float(b) - to_float(a)) * part);
            let (x, y) = (between(x0, x1), between(y0, y1));
            let at = (self.height() - 1 - y.min(self.height() - 1)) * self.width() + x.min(self.width() - 1);
            self.set[at] = true;
        }
    }

    /// The characters, from above.
    fn rows(&self) -> Vec<String> {
        let is_set = |x: usize, y: usize| self.set[y * self.width() + x];
        let fine = |column: usize, row: usize| {
            // The order of the dots in a Braille character.
            const BITS: [(usize, usize); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
            let bits = BITS.iter().enumerate().filter(|(_, (x, y))| is_set(column * 2 + x, row * 4 + y));
            let bits = bits.fold(0_u32, |bits, (bit, _)| bits | (1 << bit));
            if bits == 0 { ' ' } else { char::from_u32(0x2800 + bits).unwrap_or('*') }
        };
        let plain = |column, row| if is_set(column, row) { '*' } else { ' ' };
        (0..self.rows)
            .map(|row| (0..self.columns).map(|c| if self.fine { fine(c, row) } else { plain(c, row) }).collect())
            .collect()
    }
}

/// A number with as many digits as a picture needs.
fn short(value: f64) -> String {
    if value.fract().abs() < f64::EPSILON && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 1.0 => 2,
        size if size >= 0.001 => 4,
        _ => return format!("{value:.2e}"),
    };
    format!("{value:.digits$}")
}

/// Seconds since 1970 as the calendar has them; to the minute, to the second where all is within an hour.
fn moment(seconds: f64, span: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "times in results are within the calendar")]
    let whole = seconds.floor() as i64;
    let (days, rest) = (whole.div_euclid(86_400), whole.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match span {
        span if span >= 60.0 * 86_400.0 => date,
        span if span >= 3600.0 => format!("{date} {hour:02}:{minute:02}"),
        _ => format!("{date} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// A moment as the calendar and the clock have it, in UTC.
pub fn clock(now: std::time::SystemTime) -> String {
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{} UTC", moment(since.as_secs_f64(), 0.0))
}

/// The date so many days after 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn cut(text: &str, most: usize, canvas: Canvas) -> String {
    if widths_of(&[text])[0] <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if widths_of(&[&short])[0] >= most {
            short.pop();
            break;
        }
    }
    short + if canvas.blocks { "…" } else { "~" }
}

fn to_float(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "places on a screen and counts of rows")]
    let float = count as f64;
    float
}

/// The nearest whole number of places.
fn places(length: f64) -> usize {
    floor(length + 0.5)
}

fn floor(length: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the screen")]
    let whole = length.max(0.0) as usize;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Canvas = Canvas { width: 40, height: 12, blocks: false };
    const BLOCKS: Canvas = Canvas { blocks: true, ..PLAIN };

    fn labelled(values: &[(&str, f64)]) -> Vec<(String, Option<f64>)> {
        values.iter().map(|(label, value)| ((*label).to_owned(), Some(*value))).collect()
    }

    #[test]
    fn no_line_is_wider_than_the_canvas() {
        for canvas in [PLAIN, BLOCKS] {
            let values = labelled(&[("日本", 1.5), ("b", 1_000_000.0), (&"long ".repeat(20), 3.25), ("minus", -400.0)]);
            let text = bars(&values, canvas);
            let points = (0..50).map(|x| (f64::from(x), f64::from(x * x))).collect();
            let line = line(points, false, canvas);
            for line in text.lines().chain(line.lines()) {
                assert!(widths_of(&[line])[0] <= canvas.width, "{line}");
            }
            assert!(text.contains("1000000") && text.contains("-400"), "{text}");
        }
    }

    #[test]
    fn what_is_small_is_still_seen() {
        let text = bars(&labelled(&[("a", 1.0), ("b", 10_000.0), ("c", 0.0)]), BLOCKS);
        assert!(text.lines().next().unwrap().contains('▏'), "{text}");
        assert!(!text.lines().nth(2).unwrap().contains('▏'), "{text}");
    }

    #[test]
    fn more_bars_than_fit_are_counted() {
        let many: Vec<_> = (0..100).map(|n| (n.to_string(), Some(f64::from(n)))).collect();
        assert!(bars(&many, PLAIN).ends_with("and 60 more\n"));
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let values: Vec<f64> = (0..95).map(f64::from).collect();
        let text = histogram(&values, PLAIN);
        let counts = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
        assert_eq!(counts.sum::<usize>(), 95);
        assert_eq!(histogram(&[3.0, 3.0], PLAIN).lines().count(), 1);
        assert_eq!(histogram(&[], PLAIN), "");
    }

    #[test]
    fn a_line_goes_from_corner_to_corner() {
        let text = line(vec![(0.0, 0.0), (1.0, 1.0)], false, PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("1 |") && lines[0].ends_with('*'), "{text}");
        assert!(lines.iter().any(|line| line.starts_with("0 |*")), "{text}");
        let text = line(vec![(0.0, 5.0)], true, BLOCKS);
        assert!(text.contains("1970-01-01 00:00:00"), "{text}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0.0, "1970-01-01 00:00:00"),
            (951_782_399.0, "2000-02-28 23:59:59"),
            (951_782_400.0, "2000-02-29 00:00:00"),
            (1_709_251_200.0, "2024-03-01 00:00:00"),
            (-1.0, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(moment(seconds, 0.0), expected);
        }
    }
}
