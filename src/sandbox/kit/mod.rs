//! `RealtimeKit`: its routes, and how its handlers read parameters and bodies. Refusals are in its own envelope. What the
//! routes do stands in the files beside.

use serde_json::{Map, Value};

use super::clock;
use super::gate::{Call, Handler};
use super::reply::{Page, Reply};
use super::state::{App, State};

pub mod apps;
pub mod livestreams;
pub mod meetings;

/// Rows of a page when the request does not say; the real default is not known.
const DEFAULT_PER_PAGE: usize = 20;
/// Rows of a page at most; the real maximum is not known, 100 is what is used in the field. More is served as 100, and
/// `paging` says so.
const MAX_PER_PAGE: usize = 100;

/// What answers this method and path; none when there is no such route.
pub fn route(method: &str, at: &[&str]) -> Option<Handler> {
    let handler: Handler = match (method, at) {
        ("GET", ["apps"]) => apps::list,
        ("POST", ["apps"]) => apps::create,
        ("GET", [_, "meetings"]) => meetings::list,
        ("POST", [_, "meetings"]) => meetings::create,
        ("GET", [_, "meetings", _]) => meetings::get,
        ("PATCH", [_, "meetings", _]) => meetings::update,
        ("PUT", [_, "meetings", _]) => meetings::replace,
        ("POST", [_, "meetings", _, "livestreams"]) => livestreams::start,
        ("POST", [_, "meetings", _, "active-livestream", "stop"]) => livestreams::stop,
        ("GET", [_, "meetings", _, "active-livestream"]) => livestreams::of_meeting,
        ("GET", [_, "livestreams"]) => livestreams::list,
        ("POST", [_, "livestreams"]) => livestreams::create,
        ("GET", [_, "livestreams", "sessions", _]) => livestreams::session,
        ("GET", [_, "livestreams", _]) => livestreams::get,
        ("GET", [_, "livestreams", _, "active-livestream-session"]) => livestreams::active_session,
        _ => return None,
    };
    Some(handler)
}

/// The app that the path names.
fn app<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut App, Reply> {
    state.app(&call.account, &call.at[0]).ok_or_else(|| not_found("App", &call.at[0]))
}

/// The identifier at this place of the path.
fn uuid(call: &Call, place: usize) -> Result<&str, Reply> {
    let id = call.at[place].as_str();
    if clock::is_uuid(id) { Ok(id) } else { Err(bad("\"id\" must be a valid GUID")) }
}

fn bad(what: &str) -> Reply {
    Reply::kit_error(400, &format!("BAD_REQUEST: {what}"))
}

fn not_found(what: &str, id: &str) -> Reply {
    Reply::kit_error(404, &format!("{what} not found with id {id}"))
}

/// `page_no` and `per_page`, both counting from 1.
fn paging(call: &Call) -> Result<(usize, usize), Reply> {
    let number = count(call, "page_no")?.unwrap_or(1);
    let size = count(call, "per_page")?.unwrap_or(DEFAULT_PER_PAGE);
    Ok((number, size.min(MAX_PER_PAGE)))
}

fn count(call: &Call, name: &str) -> Result<Option<usize>, Reply> {
    let Some(text) = call.param(name) else { return Ok(None) };
    match text.parse() {
        Ok(count) if count > 0 => Ok(Some(count)),
        _ => Err(bad(&format!("\"{name}\" must be a positive number"))),
    }
}

fn flag(call: &Call, name: &str) -> Result<bool, Reply> {
    match call.param(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad(&format!("\"{name}\" must be a boolean"))),
    }
}

fn one_of<'a>(call: &'a Call, name: &str, words: &[&str]) -> Result<Option<&'a str>, Reply> {
    match call.param(name) {
        Some(word) if !words.contains(&word) => Err(bad(&format!("\"{name}\" must be one of [{}]", words.join(", ")))),
        word => Ok(word),
    }
}

/// `start_time` and `end_time`, both included.
struct Between {
    start: Option<i64>,
    end: Option<i64>,
}

impl Between {
    fn read(call: &Call) -> Result<Self, Reply> {
        let instant = |name: &str| match call.param(name) {
            None => Ok(None),
            Some(text) => match clock::parse(text) {
                Some(instant) => Ok(Some(instant)),
                None => Err(bad(&format!("\"{name}\" must be a valid ISO 8601 date"))),
            },
        };
        Ok(Self { start: instant("start_time")?, end: instant("end_time")? })
    }

    fn holds(&self, instant: i64) -> bool {
        self.start.is_none_or(|start| start <= instant) && self.end.is_none_or(|end| instant <= end)
    }
}

/// Whether the search finds the text, whatever the case.
fn finds(search: Option<&str>, text: &str) -> bool {
    search.is_none_or(|search| text.to_lowercase().contains(&search.to_lowercase()))
}

/// Puts rows that stand oldest first into the order asked for; newest first when nothing is (a guess). Rows of one instant
/// stand in the order of their making, so that pages tile the list.
fn order<T>(rows: &mut [T], ascending: bool) {
    if !ascending {
        rows.reverse();
    }
}

/// The rows of one page, and the page.
fn cut<T>(mut rows: Vec<T>, number: usize, size: usize) -> (Vec<T>, Page) {
    let page = Page::new(number, size, rows.len());
    rows.truncate(page.skipped + page.rows);
    (rows.split_off(page.skipped), page)
}

/// A field of the body that is a string; null counts as absent.
fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Reply> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(&format!("\"{name}\" must be a string"))),
    }
}
