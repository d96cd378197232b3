//! The text of JSON strings, and JSON on one line. Given text that is known to be JSON.
//! Must not know where the text stands or what becomes of it.

use std::borrow::Cow;

/// The text of a JSON string, without copying where it has no escapes. None for other values and for escapes that are
/// no text (half of a surrogate pair).
pub fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { unescaped(inner).map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

fn unescaped(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = &rest[at + 2..];
        let character = match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = unit(&mut rest)?;
                match char::from_u32(first) {
                    Some(character) => character,
                    None => {
                        rest = rest.strip_prefix("\\u")?;
                        let second = unit(&mut rest)?;
                        if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
                            return None;
                        }
                        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
                    }
                }
            }
            _ => return None,
        };
        text.push(character);
    }
    text.push_str(rest);
    Some(text)
}

/// The number of four hexadecimal digits.
fn unit(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    *rest = &rest[4..];
    u32::from_str_radix(digits, 16).ok()
}

/// JSON on one line. Line breaks stand only between tokens, where they mean nothing.
pub fn compact(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\n') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in raw.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        text.push(c);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_on_several_lines_becomes_one() {
        assert_eq!(compact("{\n  \"a b\": \"x\\\" y\",\n  \"c\": [1, 2]\n}"), "{\"a b\":\"x\\\" y\",\"c\":[1,2]}");
    }

    #[test]
    fn text_escapes_are_read() {
        assert_eq!(string(r#""a\u00e9\n\ud83d\ude00""#).as_deref(), Some("aé\n😀"));
        assert_eq!(string(r#""\"\\\/\b\f\n\r\t""#).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\t"));
        assert_eq!(string("12"), None);
    }

    #[test]
    fn every_unit_and_pair_is_read_as_serde_json_reads_it() {
        for first in (0_u32..0x1_0000).step_by(0x71).chain(0xd7f0..0xd810).chain(0xdbf0..0xdc10).chain(0xdff0..0xe010) {
            for second in ["", "a", "\\n", "\\u0041", "\\ud7ff", "\\ud800", "\\uDC00", "\\udfFF", "\\ue000", "\\uffff"]
            {
                let raw = format!("\"x\\u{first:04x}{second}y\"");
                assert_eq!(string(&raw).map(Cow::into_owned), serde_json::from_str::<String>(&raw).ok(), "{raw}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_comes_back_whole(text in any::<String>()) {
            let raw = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(string(&raw), Some(Cow::Borrowed(text.as_str())));
            let escaped: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            let raw = format!("\"{}\"", escaped.concat());
            prop_assert_eq!(string(&raw), Some(Cow::Borrowed(text.as_str())));
        }
    }
}
