//! Floor 0: what exists. Documents in, validated model out.
//! Knows no HTTP, no Arrow, no SQL; imports only the ground.

mod access;
mod answer;
mod cache;
mod choose;
mod config;
mod document;
mod fit;
mod index;
mod load;
mod meant;
mod method;
mod model;
mod provider;
mod reach;
mod reshape;
mod roots;
mod schema;
mod sign_in;
mod source;
mod split;
mod template;
mod unknown;
mod verbs;
mod views;
mod weir_keys;
mod xml;

pub use choose::{Choice, Inside, Supply, check_given, choose, required, taken, takes};
pub use config::Inherited;
pub use document::read_yaml;
pub use fit::{Fitted, fit, is_listed};
pub use meant::{aside, asks, can_mean_row, columns_of, takes_aside};
pub use method::OWN_HEADERS;
pub use model::*;
pub use reach::Way;
pub use sign_in::{Author, by_provider, scheme};
pub use source::Registry;
pub use template::Template;

/// The SQL name of a wire name: `deleteRecordingAfterDays` becomes `delete_recording_after_days`.
#[must_use]
pub fn sql_name(wire: &str) -> String {
    let chars: Vec<char> = wire.chars().collect();
    let mut name = String::with_capacity(wire.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        if c.is_uppercase() && i > 0 && starts_word(&chars, i) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    if wire.ends_with('_') || !name.ends_with('_') { name } else { name.trim_end_matches('_').to_owned() }
}

/// Whether the upper-case letter at `i` begins a word: after a small letter or digit, or as the last capital of a run
/// that a small letter follows (`RTCPlayback`), but not where that letter is the plural's s (`URLs`).
fn starts_word(chars: &[char], i: usize) -> bool {
    if !chars[i - 1].is_uppercase() {
        return true;
    }
    match chars.get(i + 1) {
        Some(next) if next.is_lowercase() => {
            let plural = *next == 's' && chars.get(i + 2).is_none_or(|c| !c.is_lowercase());
            !plural
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::sql_name;

    #[test]
    fn sql_names_are_snake_case() {
        for (wire, sql) in [
            ("deleteRecordingAfterDays", "delete_recording_after_days"),
            ("webRTC", "web_rtc"),
            ("webRTCPlayback", "web_rtc_playback"),
            ("requireSignedURLs", "require_signed_urls"),
            ("URLsSeen", "urls_seen"),
            ("created_at", "created_at"),
            ("Idempotency-Key", "idempotency_key"),
            ("start.after", "start_after"),
            ("h264Codec", "h264_codec"),
            ("ID", "id"),
            ("_private", "private"),
        ] {
            assert_eq!(sql_name(wire), sql, "{wire}");
        }
    }
}
