//! Numbers as text that is also a JSON number, digit for digit.
//! Owns floats and decimals; knows nothing of Arrow or of formats. Integers need only `Display`.

use std::fmt::{Debug, Display};
use std::io::Write;

/// Any integer.
pub fn integer(out: &mut Vec<u8>, number: impl Display) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
}

/// The shortest digits that read back as the same float: `1.0`, `0.1`, `1e21`; `NaN`, `inf` and `-inf` are not JSON.
pub fn float(out: &mut Vec<u8>, number: impl Debug) {
    let _ = write!(out, "{number:?}");
}

/// A decimal of `unscaled` x 10^-`scale`, with all its digits.
pub fn decimal(out: &mut Vec<u8>, unscaled: impl Display, scale: i8) {
    let start = out.len();
    integer(out, unscaled);
    let first_digit = start + usize::from(out.get(start) == Some(&b'-'));
    let digits = out.len() - first_digit;
    let places = usize::from(scale.unsigned_abs());
    if scale < 0 {
        if out[first_digit..] != *b"0" {
            out.resize(out.len() + places, b'0');
        }
    } else if scale > 0 {
        // One digit at least stands before the point.
        let missing = (places + 1).saturating_sub(digits);
        out.splice(first_digit..first_digit, std::iter::repeat_n(b'0', missing));
        out.insert(out.len() - places, b'.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal_text(unscaled: i128, scale: i8) -> String {
        let mut out = b"x".to_vec();
        decimal(&mut out, unscaled, scale);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(decimal_text(12_345, 2), "x123.45");
        assert_eq!(decimal_text(-5, 3), "x-0.005");
        assert_eq!(decimal_text(500, 3), "x0.500");
        assert_eq!(decimal_text(0, 2), "x0.00");
        assert_eq!(decimal_text(7, 0), "x7");
        assert_eq!(decimal_text(-12, -3), "x-12000");
        assert_eq!(decimal_text(0, -3), "x0");
        assert_eq!(decimal_text(i128::MIN, 38), "x-1.70141183460469231731687303715884105728");
    }

    #[test]
    fn floats_read_back_as_themselves() {
        for (number, text) in [(1.0, "1.0"), (0.1, "0.1"), (1e300, "1e300"), (-0.0, "-0.0"), (5e-324, "5e-324")] {
            let mut out = Vec::new();
            float(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        float(&mut out, 0.1_f32);
        assert_eq!(out, b"0.1", "a narrow float keeps its own digits");
    }
}
