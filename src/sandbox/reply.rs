//! How answers look: the two envelopes, the pages, and the switches between what the reference says and what the live
//! service does. It knows no product and no state; it turns values into the text that goes over the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock;

/// Which of the known variants the sandbox answers in. The default is what the live service was seen to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shapes {
    /// How the list of livestreams comes.
    pub livestreams: LivestreamsShape,
    /// How a livestream says whether it is disabled.
    pub disabled: DisabledShape,
    /// How the list of live inputs comes.
    pub live_inputs: LiveInputsShape,
    /// Leaves `enabled` out of live inputs, as captures of 2025 do.
    pub enabled_absent: bool,
    /// How a live input reports its connection.
    pub status: StatusShape,
    /// How many fractional digits timestamps have.
    pub timestamps: Timestamps,
    /// What the rate headers of an ordinary answer say.
    pub rate_headers: RateHeaders,
    /// Creating an independent livestream answers 404: the operation was withdrawn from the published API.
    pub withdrawn: bool,
    /// Successful answers carry filled `errors` and `messages`, as the reference's examples do.
    pub filled_errors: bool,
}

/// How the list of livestreams comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LivestreamsShape {
    /// `data` is an array, `paging` stands beside it.
    #[default]
    Array,
    /// `data` is one object with `paging` inside, as the reference says. A page then has one row whatever `per_page` asks
    /// for, and `paging` tells the truth, so that a client which follows it still reads every row.
    Object,
}

/// How a livestream says whether it is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledShape {
    /// `true` or `false`.
    #[default]
    Bool,
    /// `"true"` or `"false"`.
    Text,
    /// `"disabled"` or `"false"`: the reference's example has the word.
    Word,
}

/// How the list of live inputs comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveInputsShape {
    /// `result` is an array, and an object only when counts are asked for.
    #[default]
    Array,
    /// `result` is always `{liveInputs, range, total}`, as the reference says.
    Object,
}

/// How a live input reports its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusShape {
    /// Null before the first connection, then an object or, for some rows, a bare word: every form that was seen.
    #[default]
    Mixed,
    /// Always null.
    Null,
    /// Null before the first connection, then one word, as the reference says.
    Text,
    /// Null before the first connection, then an object with `current` and `history`.
    Object,
}

/// How many fractional digits timestamps have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// None to nine, trailing zeros cut.
    #[default]
    Mixed,
    /// Always three; what is finer is cut, and filters compare what is shown.
    Milliseconds,
}

impl Timestamps {
    /// The instant as a client can know it.
    pub fn shown(self, instant: i64) -> i64 {
        match self {
            Self::Mixed => instant,
            Self::Milliseconds => instant - instant.rem_euclid(clock::MILLISECOND),
        }
    }

    /// The instant as text.
    pub fn text(self, instant: i64) -> String {
        match self {
            Self::Mixed => clock::trimmed(instant),
            Self::Milliseconds => clock::milliseconds(instant),
        }
    }
}

/// What the rate headers of an ordinary answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateHeaders {
    /// The same remaining count on every answer, as was measured: nothing can be paced by it.
    #[default]
    Useless,
    /// What is really left.
    Honest,
    /// None at all.
    Absent,
}

/// One answer, before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers other than the content type.
    pub headers: Vec<(String, String)>,
    /// The content type; none for an empty body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
}

/// A refusal travels as an error, so that a check is one `?`.
pub type Answered = Result<Reply, Reply>;

impl Reply {
    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: Some("application/json"), body: body.to_string() }
    }

    /// No body at all.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content_type: None, body: String::new() }
    }

    /// Another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The first envelope (Stream): success.
    pub fn result(shapes: &Shapes, result: &Value) -> Self {
        let noise = if shapes.filled_errors {
            json!([{"code": 1000, "message": "message", "documentation_url": "documentation_url", "source": {"pointer": "pointer"}}])
        } else {
            json!([])
        };
        Self::json(200, &json!({"result": result, "success": true, "errors": noise, "messages": noise}))
    }

    /// The first envelope: failure. The gateway in front of every product answers in this one too.
    pub fn error(status: u16, code: u32, message: &str) -> Self {
        Self::errors(status, &json!([{"code": code, "message": message}]))
    }

    /// The first envelope with the errors given in full.
    pub fn errors(status: u16, errors: &Value) -> Self {
        Self::json(status, &json!({"result": null, "success": false, "errors": errors, "messages": []}))
    }

    /// The second envelope (`RealtimeKit`): success.
    pub fn data(status: u16, data: &Value) -> Self {
        Self::json(status, &json!({"success": true, "data": data}))
    }

    /// The second envelope with a page beside the rows.
    pub fn page(data: &Value, page: Page) -> Self {
        Self::json(200, &json!({"success": true, "data": data, "paging": page.paging()}))
    }

    /// The second envelope: failure. Its code is the HTTP status.
    pub fn kit_error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"success": false, "error": {"code": status, "message": message}}))
    }
}

/// A window over a list: which rows, and out of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows before this page.
    pub skipped: usize,
    /// Rows of this page.
    pub rows: usize,
    /// Rows of all pages.
    pub total: usize,
}

impl Page {
    /// Page `number` (from 1) of `size` rows out of `total`.
    pub fn new(number: usize, size: usize, total: usize) -> Self {
        let skipped = (number - 1).saturating_mul(size).min(total);
        Self { skipped, rows: size.min(total - skipped), total }
    }

    /// `paging` as `RealtimeKit` writes it: offsets count from 1 and include both ends; a page with no rows has zeros.
    pub fn paging(self) -> Value {
        let (start, end) = if self.rows == 0 { (0, 0) } else { (self.skipped + 1, self.skipped + self.rows) };
        json!({"total_count": self.total, "start_offset": start, "end_offset": end})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_tile_a_list_and_the_last_may_be_short() {
        assert_eq!(Page::new(1, 20, 45).paging(), json!({"total_count": 45, "start_offset": 1, "end_offset": 20}));
        assert_eq!(Page::new(3, 20, 45).paging(), json!({"total_count": 45, "start_offset": 41, "end_offset": 45}));
        assert_eq!(Page::new(4, 20, 45).paging(), json!({"total_count": 45, "start_offset": 0, "end_offset": 0}));
        assert_eq!(Page::new(usize::MAX, 100, 45).rows, 0);
    }

    #[test]
    fn shapes_that_are_not_named_stay_as_they_are_live() {
        let shapes: Shapes = serde_json::from_str(r#"{"livestreams": "object", "enabled_absent": true}"#).unwrap();
        assert_eq!(shapes.livestreams, LivestreamsShape::Object);
        assert_eq!(shapes.live_inputs, LiveInputsShape::Array);
        assert!(shapes.enabled_absent && !shapes.withdrawn);
        assert!(serde_json::from_str::<Shapes>(r#"{"livestream": "object"}"#).is_err());
    }

    #[test]
    fn milliseconds_cut_what_is_finer() {
        let instant = clock::BASE + 1_999_999;
        assert_eq!(Timestamps::Milliseconds.shown(instant), clock::BASE + 1_000_000);
        assert_eq!(Timestamps::Milliseconds.text(instant), "2026-01-01T00:00:00.001Z");
    }
}
