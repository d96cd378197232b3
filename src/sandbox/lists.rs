//! What a fault does to a page of a list: its rows and its count of all rows, in both products' envelopes. A list that moves
//! while it is read looks like this from outside. It knows the shape of answers; which fault meets which request stands in
//! `faults`.

use serde_json::{Value, json};

use super::gate::Incoming;
use super::reply::Reply;

/// Where a page has its rows.
const ROWS: [&str; 5] = ["/data/data", "/data/sessions", "/data", "/result/liveInputs", "/result"];
/// Where a page counts all rows.
const TOTALS: [&str; 3] = ["/paging/total_count", "/data/paging/total_count", "/result/total"];

/// The page with a count of `by` rows fewer.
pub fn smaller_total(reply: Reply, by: usize) -> Reply {
    changed(reply, |body| {
        for place in TOTALS {
            if let Some(total) = body.pointer_mut(place)
                && let Some(count) = total.as_u64()
            {
                *total = json!(count.saturating_sub(by as u64));
            }
        }
    })
}

/// The page without its last `by` rows.
pub fn shortened(reply: Reply, by: usize) -> Reply {
    changed(reply, |body| {
        if let Some(rows) = rows_of(body) {
            rows.truncate(rows.len().saturating_sub(by));
        }
    })
}

/// The request of the page before; none where there is none.
pub fn page_before(request: &Incoming) -> Option<Incoming> {
    let mut before = request.clone();
    let (_, number) = before.query.iter_mut().find(|(name, _)| name == "page_no")?;
    let earlier = number.parse::<u64>().ok()?.checked_sub(1).filter(|number| *number > 0)?;
    *number = earlier.to_string();
    Some(before)
}

/// The page with the last `count` rows of the page before in front, and no longer than that page. The first page begins
/// with its own rows.
pub fn repeating(reply: Reply, before: Option<Reply>, count: usize) -> Reply {
    let Some(mut earlier) = before.and_then(|reply| serde_json::from_str::<Value>(&reply.body).ok()) else {
        return reply;
    };
    let Some(earlier) = rows_of(&mut earlier) else { return reply };
    changed(reply, |body| {
        if let Some(rows) = rows_of(body) {
            rows.splice(0..0, earlier[earlier.len().saturating_sub(count)..].iter().cloned());
            rows.truncate(earlier.len());
        }
    })
}

fn rows_of(body: &mut Value) -> Option<&mut Vec<Value>> {
    let place = ROWS.into_iter().find(|place| body.pointer(place).is_some_and(Value::is_array))?;
    body.pointer_mut(place)?.as_array_mut()
}

/// A body that is no JSON stays as it is.
fn changed(mut reply: Reply, change: impl FnOnce(&mut Value)) -> Reply {
    if let Ok(mut body) = serde_json::from_str(&reply.body) {
        change(&mut body);
        reply.body = body.to_string();
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::super::reply::{Page, Shapes};
    use super::*;

    fn page(rows: std::ops::Range<usize>, total: usize) -> Reply {
        let window = Page { skipped: rows.start, rows: rows.len(), total };
        Reply::page(&rows.collect(), window)
    }

    fn body(reply: &Reply) -> Value {
        serde_json::from_str(&reply.body).unwrap()
    }

    #[test]
    fn a_total_shrinks_in_either_envelope_and_the_rows_stay() {
        let answer = body(&smaller_total(page(0..3, 9), 2));
        assert_eq!((&answer["paging"]["total_count"], &answer["data"]), (&json!(7), &json!([0, 1, 2])));
        let inputs = Reply::result(&Shapes::default(), &json!({"liveInputs": [1], "range": 1000, "total": 1}));
        assert_eq!(body(&smaller_total(inputs, 5))["result"], json!({"liveInputs": [1], "range": 1000, "total": 0}));
    }

    #[test]
    fn a_short_page_still_counts_all_rows() {
        let answer = body(&shortened(page(0..3, 9), 2));
        assert_eq!((&answer["paging"]["total_count"], &answer["data"]), (&json!(9), &json!([0])));
        assert_eq!(body(&shortened(page(0..3, 9), 20))["data"], json!([]));
        let inputs = Reply::result(&Shapes::default(), &json!([1, 2]));
        assert_eq!(body(&shortened(inputs, 1))["result"], json!([1]));
    }

    #[test]
    fn rows_that_come_again_push_the_others_on() {
        let second = repeating(page(3..6, 8), Some(page(0..3, 8)), 2);
        assert_eq!(body(&second)["data"], json!([1, 2, 3]));
        let last = repeating(page(6..8, 8), Some(page(3..6, 8)), 2);
        assert_eq!(body(&last)["data"], json!([4, 5, 6]));
        assert_eq!(repeating(page(0..3, 8), None, 2), page(0..3, 8));
    }

    #[test]
    fn only_a_page_with_a_number_above_one_has_one_before() {
        let request = |query: &[(&str, &str)]| Incoming {
            method: "GET".to_owned(),
            path: "/x".to_owned(),
            query_text: String::new(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers: Vec::new(),
            body: String::new(),
        };
        assert_eq!(page_before(&request(&[("page_no", "3")])).unwrap().query[0].1, "2");
        assert!(page_before(&request(&[("page_no", "1")])).is_none());
        assert!(page_before(&request(&[("per_page", "3")])).is_none());
    }

    #[test]
    fn what_is_no_json_stays() {
        let html = Reply { body: "<html>".to_owned(), ..Reply::empty(502) };
        assert_eq!(shortened(html.clone(), 1), html);
    }
}
