//! What the sandbox was asked: every request in the order it came, and how it was answered. Credentials are left out when a
//! request is written down, not when the log is read.

use serde::Serialize;

/// One request that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers in order, names in lower case, without credentials.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
    /// The status of the answer; none while there is none, and for good when the connection was broken instead.
    pub status: Option<u16>,
}

impl Seen {
    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a header carries a credential.
pub fn is_credential(header: &str) -> bool {
    matches!(header, "authorization" | "proxy-authorization" | "x-auth-key" | "x-auth-user-service-key" | "cookie")
}

/// The requests since the start, or since they were last forgotten.
#[derive(Debug, Default)]
pub struct Log {
    seen: Vec<Seen>,
    forgotten: usize,
}

impl Log {
    /// Writes a request down; the number returned takes its answer later.
    pub fn note(&mut self, seen: Seen) -> usize {
        self.seen.push(seen);
        self.forgotten + self.seen.len() - 1
    }

    /// Adds the answer's status to the request of that number, unless it is forgotten.
    pub fn answered(&mut self, number: usize, status: u16) {
        if let Some(seen) = number.checked_sub(self.forgotten).and_then(|at| self.seen.get_mut(at)) {
            seen.status = Some(status);
        }
    }

    /// Every request, in order.
    pub fn all(&self) -> &[Seen] {
        &self.seen
    }

    /// Forgets them.
    pub fn forget(&mut self) {
        self.forgotten += self.seen.len();
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str) -> Seen {
        let (query, headers) = (vec![("a".to_owned(), "1".to_owned())], Vec::new());
        Seen { method: "GET".to_owned(), path: path.to_owned(), query, headers, body: String::new(), status: None }
    }

    #[test]
    fn an_answer_that_comes_after_the_log_was_emptied_marks_nobody_else() {
        let mut log = Log::default();
        let first = log.note(seen("/1"));
        log.forget();
        let second = log.note(seen("/2"));
        log.answered(first, 500);
        assert_eq!(log.all()[0].status, None);
        log.answered(second, 200);
        assert_eq!((log.all()[0].status, log.all()[0].param("a")), (Some(200), Some("1")));
    }

    #[test]
    fn credentials_are_known_by_their_headers() {
        assert!(is_credential("authorization") && is_credential("x-auth-key") && !is_credential("accept"));
    }
}
