//! Numbers as Go writes them: `%e`, `%f`, `%g`, and JSON's form.

/// `%e`, with `precision` digits behind the point; without one, as many as it takes.
pub fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let Some((digits, exponent)) = text.split_once('e') else { return unbounded(value) };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `%f`; without a precision, as many digits as it takes.
pub fn fixed(value: f64, precision: Option<usize>) -> String {
    match precision {
        _ if !value.is_finite() => unbounded(value),
        Some(precision) => format!("{value:.precision$}"),
        None => format!("{value}"),
    }
}

/// From this power of ten on, `%g` has an exponent where no precision is given.
const LARGE: i32 = 6;

/// `%g`: `%e` for very large and very small numbers, else `%f`.
pub fn general(value: f64, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return unbounded(value);
    }
    let Some(precision) = precision.map(|p| p.max(1)) else {
        let power = power(&format!("{value:e}"));
        return if (-4..LARGE).contains(&power) { fixed(value, None) } else { exponent(value, None) };
    };
    let rounded = format!("{value:.*e}", precision - 1);
    let power = power(&rounded);
    let most = i32::try_from(precision).unwrap_or(i32::MAX);
    if (-4..most).contains(&power) {
        let behind = usize::try_from(most - 1 - power).unwrap_or_default();
        return bare(&format!("{value:.behind$}"));
    }
    let text = exponent(value, Some(precision - 1));
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", bare(digits)),
        None => text,
    }
}

/// A double in JSON.
pub fn json(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = exponent(value, None);
        return text.replace("e-0", "e-");
    }
    if value == 0.0 && value.is_sign_negative() { "-0".to_owned() } else { fixed(value, None) }
}

fn power(scientific: &str) -> i32 {
    scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or_default()
}

/// Without zeros at the end of a fraction.
fn bare(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

fn unbounded(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    text.to_owned()
}
