//! How a list comes in pages where its document does not say: from the parameters that the operation declares and from what
//! its answer has around the rows. Nothing is asked for that the operation does not declare; a link that an answer gives
//! is followed. The words are those that APIs share, and no API's own.

use serde_json::Value;

use super::configured::first_page;
use super::leaves::{Leaf, leaves};
use crate::registry::document::Document;
use crate::registry::model::{
    Answer, JsonPath, Kind, Known, Location, PageSize, Paging, PagingStyle, Parameter, Reshape, Slot, Source,
};
use crate::registry::sql_name;

/// No page is asked to be larger: one answer of millions of rows is slower than its pages, and fails as a whole.
const LARGEST: f64 = 1000.0;

/// Pages of so many rows are what an API gives that cuts a list without a word.
const ROUND: [u64; 9] = [10, 20, 25, 30, 50, 100, 200, 500, 1000];

const SIZES: [&str; 14] = [
    "per_page",
    "page_size",
    "pagesize",
    "limit",
    "top",
    "max_results",
    "max_items",
    "page_limit",
    "results_per_page",
    "items_per_page",
    "max_page_size",
    "size",
    "count",
    "perpage",
];

/// Sizes only beside a parameter that says which page.
const DOUBTFUL_SIZES: [&str; 2] = ["size", "count"];

const PAGES: [&str; 6] = ["page", "page_number", "page_no", "page_num", "pagenumber", "current_page"];
const OFFSETS: [&str; 3] = ["offset", "skip", "page_offset"];

const TOTALS: [&str; 9] = [
    "total_count",
    "total",
    "total_results",
    "total_items",
    "total_records",
    "total_elements",
    "total_entries",
    "total_rows",
    "total_size",
];
const TOTAL_PAGES: [&str; 5] = ["total_pages", "page_count", "pages", "last_page", "num_pages"];

/// Flags that say whether there is more.
const FLAGS: [&str; 10] = [
    "has_more",
    "has_next",
    "has_next_page",
    "has_more_items",
    "has_more_results",
    "more",
    "more_results",
    "more_available",
    "is_truncated",
    "truncated",
];

/// Parameters that carry a token, and what their tokens are called in answers, the likeliest first.
const TOKENS: [(&[&str], &[&str]); 5] = [
    (
        &["cursor", "next_cursor", "page_cursor", "start_cursor"],
        &["next_cursor", "next_page_cursor", "after", "end_cursor", "cursor", "next_page_token", "next_token", "next"],
    ),
    (
        &["page_token", "next_page_token", "next_token", "continuation_token", "pagination_token"],
        &[
            "next_page_token",
            "next_token",
            "continuation_token",
            "next_continuation_token",
            "pagination_token",
            "next_cursor",
            "cursor",
            "next",
        ],
    ),
    (&["marker", "start_marker"], &["next_marker", "end_marker", "marker"]),
    (&["after", "page_after", "starting_after"], &["after", "end_cursor", "next_cursor", "next_token"]),
    (&["next_page", "next"], &["next_page", "next", "next_token", "next_page_token", "next_cursor"]),
];

const URLS: [&str; 7] =
    ["next_url", "next_link", "next_page_url", "next_page_uri", "next_uri", "next_href", "odata_next_link"];

/// Where answers speak of other pages though their schema does not.
const UNSAID: [&str; 4] = ["result_info", "pagination", "paging", "meta"];

/// What is known of an operation's list.
pub(super) struct Listing<'a> {
    pub document: &'a Document,
    /// The schema of the whole answer.
    pub envelope: Option<&'a Value>,
    pub parameters: &'a [Parameter],
    pub answer: &'a Answer,
}

impl Listing<'_> {
    /// The paging that nobody told.
    pub(super) fn infer(&self) -> Paging {
        let leaves = self.leaves();
        let mut paging = Paging { style: self.style(&leaves), known: Known::Inferred, ..Paging::whole() };
        self.complete(&mut paging, &leaves);
        paging
    }

    /// One page, and where its answer says that there is more.
    pub(super) fn told_only(&self) -> Paging {
        let leaves = self.leaves();
        let mut goes_on = flags(&leaves);
        goes_on.extend(named(&leaves, &URLS, |_| true));
        goes_on.extend(links(&leaves));
        Paging { known: Known::Inferred, goes_on, ..Paging::whole() }
    }

    /// What the document does not tell of a paging that it has in StackQL's words: sizes and totals.
    pub(super) fn fill(&self, mut paging: Paging) -> Paging {
        self.complete(&mut paging, &self.leaves());
        paging
    }

    fn leaves(&self) -> Vec<Leaf> {
        self.envelope.map(|schema| leaves(self.document, schema, &self.answer.rows)).unwrap_or_default()
    }

    fn complete(&self, paging: &mut Paging, leaves: &[Leaf]) {
        let numbered = matches!(paging.style, PagingStyle::Page { .. } | PagingStyle::Offset { .. });
        let whole = paging.style == PagingStyle::Whole;
        let silent = paging.known == Known::Inferred;
        let sizes = self.optional().find(|p| is_size(p) && (!whole || !is(p, &DOUBTFUL_SIZES)));
        paging.size = sizes.and_then(page_size).filter(|_| sizes.is_some_and(|p| !whole || most(p).is_some()));
        paging.total = named(leaves, &TOTALS, Leaf::is_number);
        if paging.total_pages.is_empty() && numbered {
            paging.total_pages = named(leaves, &TOTAL_PAGES, Leaf::is_number);
        }
        if silent && self.answer.rows.iter().all(|path| !path.0.is_empty()) {
            let unsaid = |key: &str| UNSAID.map(|outer| JsonPath(vec![outer.to_owned(), key.to_owned()]));
            paging.total.extend(unsaid("total_count"));
            if numbered {
                paging.total_pages.extend(unsaid("total_pages"));
            }
        }
        let in_xml = self.is_found_in_xml();
        if silent && in_xml && matches!(paging.style, PagingStyle::Cursor { .. }) {
            // A token may be repeated by the last page.
            paging.goes_on = ["IsTruncated", "isTruncated"].map(|key| JsonPath(vec![key.to_owned()])).to_vec();
        }
        if paging.goes_on.is_empty() {
            paging.goes_on = flags(leaves);
        }
        if silent && paging.goes_on.is_empty() && matches!(paging.style, PagingStyle::Cursor { .. }) {
            // An answer with a link and no token says that there is more, and not how it is asked for.
            paging.goes_on = named(leaves, &URLS, |_| true);
            paging.goes_on.extend(links(leaves));
        }
        let guessed =
            !in_xml && matches!(&paging.style, PagingStyle::Cursor { .. }) && self.token_style(leaves).is_none();
        if silent
            && (whole || guessed)
            && let Some(size) = sizes
        {
            let default = size.shape.default.as_ref().and_then(Value::as_u64);
            paging.full = default.map_or_else(|| ROUND.to_vec(), |default| vec![default]);
        }
        paging.concurrent = numbered && !(paging.total.is_empty() && paging.total_pages.is_empty());
        paging.total_may_differ = true;
    }

    fn style(&self, leaves: &[Leaf]) -> PagingStyle {
        if let Some(style) = self.token_style(leaves).or_else(|| self.token_of_xml()) {
            return style;
        }
        let urls = named(leaves, &URLS, |_| true).into_iter().chain(links(leaves)).collect::<Vec<_>>();
        if !urls.is_empty() {
            return PagingStyle::NextUrl { from: Source::Body(urls) };
        }
        let number = |p: &&Parameter| matches!(p.shape.kind, Kind::Integer | Kind::Number | Kind::String | Kind::Any);
        if let Some(page) = self.optional().filter(number).find(|p| is(p, &PAGES)) {
            return PagingStyle::Page { parameter: page.wire.clone(), first: first_page(page) };
        }
        if let Some(offset) = self.optional().filter(number).find(|p| is(p, &OFFSETS)) {
            return PagingStyle::Offset { parameter: offset.wire.clone() };
        }
        // Only words that mean nothing else: `after` and `marker` may be anything where no answer has such a token.
        let token =
            self.optional().filter(|p| p.shape.kind == Kind::String).find(|p| is(p, TOKENS[0].0) || is(p, TOKENS[1].0));
        if let Some(token) = token.filter(|_| self.answer.rows.iter().all(|path| !path.0.is_empty())) {
            let keys = ["next_cursor", "next_page_token", "next_token", "cursor"];
            let inner = |key: &str| UNSAID.map(|outer| JsonPath(vec![outer.to_owned(), key.to_owned()])).to_vec();
            let paths = keys.iter().flat_map(|key| {
                let mut paths = inner(key);
                paths.push(JsonPath(vec![(*key).to_owned()]));
                paths
            });
            return PagingStyle::Cursor { into: Slot::Query(token.wire.clone()), from: Source::Body(paths.collect()) };
        }
        PagingStyle::Whole
    }

    /// A token that the answer has and a parameter takes.
    fn token_style(&self, leaves: &[Leaf]) -> Option<PagingStyle> {
        let opaque = |p: &&Parameter| matches!(p.shape.kind, Kind::String | Kind::Any);
        for (parameters, tokens) in TOKENS {
            let Some(parameter) = self.optional().filter(opaque).find(|p| is(p, parameters)) else { continue };
            let from = named(leaves, tokens, |leaf| !leaf.is_url);
            if !from.is_empty() {
                let into = Slot::Query(parameter.wire.clone());
                return Some(PagingStyle::Cursor { into, from: Source::Body(from) });
            }
        }
        None
    }

    /// A token of XML whose rows are found by their schema: that schema says nothing of what stands beside them. It has the
    /// parameter's name, or a next one's, as elements are spelled.
    fn token_of_xml(&self) -> Option<PagingStyle> {
        if !self.is_found_in_xml() {
            return None;
        }
        let (parameter, tokens) = TOKENS.iter().skip(1).take(2).find_map(|(parameters, tokens)| {
            Some((self.optional().find(|p| p.shape.kind == Kind::String && is(p, parameters))?, tokens))
        })?;
        let element = |word: &&str| {
            let capital =
                |part: &str| part.get(..1).unwrap_or_default().to_uppercase() + part.get(1..).unwrap_or_default();
            let pascal: String = word.split('_').map(capital).collect();
            let camel = pascal.get(..1).unwrap_or_default().to_lowercase() + pascal.get(1..).unwrap_or_default();
            [JsonPath(vec![pascal]), JsonPath(vec![camel])]
        };
        let from = Source::Body(tokens.iter().flat_map(element).collect());
        Some(PagingStyle::Cursor { into: Slot::Query(parameter.wire.clone()), from })
    }

    fn is_found_in_xml(&self) -> bool {
        matches!(self.answer.reshape.first(), Some(Reshape::SchemaXml { .. }))
    }

    /// The query parameters that a request can do without.
    fn optional(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| p.location == Location::Query && !p.required)
    }
}

fn is(parameter: &Parameter, words: &[&str]) -> bool {
    words.contains(&sql_name(&parameter.wire).as_str())
}

fn is_size(parameter: &Parameter) -> bool {
    is(parameter, &SIZES) && !matches!(parameter.shape.kind, Kind::Boolean | Kind::Object | Kind::Array)
}

/// The largest documented size, within reason; else the default.
fn page_size(parameter: &Parameter) -> Option<PageSize> {
    let shape = &parameter.shape;
    let listed = shape.values.iter().filter_map(|value| value.parse::<u64>().ok()).filter(|size| *size <= 1000).max();
    let default =
        shape.default.as_ref().and_then(|default| default.as_u64().or_else(|| default.as_str()?.parse().ok()));
    if !shape.values.is_empty() {
        return listed.map(|size| PageSize {
            parameter: parameter.wire.clone(),
            largest: size,
            smallest: size,
            if_wanted: false,
        });
    }
    let largest = most(parameter).map(|most| whole(most.min(LARGEST))).or(default).filter(|size| *size > 0)?;
    let smallest = shape.minimum.map_or(1, whole).clamp(1, largest);
    Some(PageSize { parameter: parameter.wire.clone(), largest, smallest, if_wanted: false })
}

/// The documented maximum: of the schema, else in words, as in "results per page (max 100)".
fn most(parameter: &Parameter) -> Option<f64> {
    let said = || {
        let mut words = parameter.description.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.find(|word| word.eq_ignore_ascii_case("max") || word.eq_ignore_ascii_case("maximum"))?;
        let filler = |word: &&str| matches!(*word, "of" | "is" | "value" | "allowed" | "size" | "page");
        let number: f64 = words.find(|word| !filler(word))?.parse().ok()?;
        let default = parameter.shape.default.as_ref().and_then(Value::as_f64).unwrap_or(1.0);
        (number >= default).then_some(number)
    };
    parameter.shape.maximum.or_else(said)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bound of page sizes is small and positive"
)]
fn whole(bound: f64) -> u64 {
    bound.max(0.0) as u64
}

/// Where the leaves with these names stand, the names' order first.
fn named(leaves: &[Leaf], names: &[&str], fits: impl Fn(&Leaf) -> bool) -> Vec<JsonPath> {
    let fitting: Vec<&Leaf> = leaves.iter().filter(|leaf| !leaf.is_flag() && fits(leaf)).collect();
    let of = |name: &&str| fitting.iter().filter(|l| l.name == **name).map(|l| l.path.clone()).collect();
    names.iter().flat_map(|name| -> Vec<JsonPath> { of(name) }).collect()
}

/// Where the answer says whether there is more.
fn flags(leaves: &[Leaf]) -> Vec<JsonPath> {
    let is_one = |leaf: &&Leaf| leaf.is_flag() && FLAGS.contains(&leaf.name.as_str());
    leaves.iter().filter(is_one).map(|leaf| leaf.path.clone()).collect()
}

/// `links.next`, `_links.next.href`, and any `next` that is a URL by its format.
fn links(leaves: &[Leaf]) -> Vec<JsonPath> {
    let is_link = |leaf: &&Leaf| {
        if leaf.is_flag() {
            return false;
        }
        let keys: Vec<String> = leaf.path.0.iter().map(|key| sql_name(key)).collect();
        let among = keys.iter().rev().skip(1).any(|key| key == "links");
        match leaf.name.as_str() {
            "next" => leaf.is_url || among,
            "href" => among && keys.iter().rev().nth(1).is_some_and(|key| key == "next"),
            _ => false,
        }
    };
    leaves.iter().filter(is_link).map(|leaf| leaf.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::config::{Config, Inherited};

    /// What is inferred of an operation with these query parameters (YAML), and these properties around `items`.
    fn inferred(parameters: &str, around: &str) -> Paging {
        let schema = format!(
            "{{type: object, properties: {{items: {{type: array, items: {{properties: {{id: {{type: string}}}}}}}}, {around}}}}}"
        );
        let text = format!(
            "openapi: 3.0.3\nservers: [{{url: 'https://a.example'}}]\npaths:\n  /a:\n    get:\n      \
             parameters: [{parameters}]\n      \
             responses: {{'200': {{content: {{application/json: {{schema: {schema}}}}}}}}}\n\
             method: {{operation: {{$ref: '#/paths/~1a/get'}}, response: {{objectKey: $.items}}}}\n"
        );
        let document = Document::parse("a.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let inherited = Inherited::default();
        let config = Config::of_service(&document, &inherited);
        let (method, _) = super::super::read(&document, &config, ("list", &document.root["method"]), "method").unwrap();
        method.paging.unwrap()
    }

    fn size(parameters: &str) -> Option<(u64, u64)> {
        let all = format!("{{name: page, in: query, schema: {{type: integer}}}}, {parameters}");
        inferred(&all, "").size.map(|size| (size.smallest, size.largest))
    }

    #[test]
    fn the_size_is_the_largest_that_is_documented_within_reason() {
        for (schema, expected) in [
            ("schema: {type: integer, minimum: 5, maximum: 50, default: 20}", Some((5, 50))),
            ("schema: {type: number, minimum: 1, maximum: 5000000, default: 100}", Some((1, 1000))),
            ("schema: {type: integer, default: 20}", Some((1, 20))),
            ("schema: {type: integer, enum: [10, 50, 25]}", Some((50, 50))),
            ("description: 'Results per page (max 100).', schema: {type: integer, default: 30}", Some((1, 100))),
            ("description: 'Maximum number of items, 7 or more.', schema: {type: integer}", None),
            ("schema: {type: integer}", None),
        ] {
            assert_eq!(size(&format!("{{name: per_page, in: query, {schema}}}")), expected, "{schema}");
        }
    }

    #[test]
    fn a_token_is_paired_with_the_parameter_that_takes_it() {
        let text = "schema: {type: string}";
        for (parameter, around, expected) in [
            ("cursor", "result_info: {type: object, properties: {cursor: {type: string}}}", "$.result_info.cursor"),
            (
                "after",
                "paging: {properties: {cursors: {properties: {after: {type: string}}}}}",
                "$.paging.cursors.after",
            ),
            ("pageToken", "nextPageToken: {type: string}", "$.nextPageToken"),
            ("page_token", "next_page_token: {type: string}, cursor: {type: string}", "$.next_page_token"),
            ("marker", "NextMarker: {type: string}", "$.NextMarker"),
        ] {
            let paging = inferred(&format!("{{name: {parameter}, in: query, {text}}}"), around);
            let PagingStyle::Cursor { into, from: Source::Body(paths) } = &paging.style else {
                panic!("{parameter}: {paging:?}")
            };
            assert_eq!((into, paths[0].to_string().as_str()), (&Slot::Query(parameter.to_owned()), expected));
        }
        // A link beside the token says that there is more, should the token not come.
        let token = format!("{{name: pageToken, in: query, {text}}}");
        let both = inferred(&token, "nextPageToken: {type: string}, nextLink: {type: string}");
        assert!(matches!(both.style, PagingStyle::Cursor { .. }));
        assert_eq!(both.goes_on, [JsonPath::parse("$.nextLink").unwrap()]);
        // A moment is no token, and what must be given is the user's.
        let moment = "{name: after, in: query, schema: {type: string, format: date-time}}";
        assert_eq!(inferred(moment, "after: {type: string}").style, PagingStyle::Whole);
        let required = "{name: page, in: query, required: true, schema: {type: integer}}";
        assert_eq!(inferred(required, "").style, PagingStyle::Whole);
    }

    #[test]
    fn links_and_numbers_are_known_by_their_names() {
        let path = |text: &str| JsonPath::parse(text).unwrap();
        let links = inferred("", "links: {properties: {pages: {properties: {next: {type: string}}}}}");
        assert_eq!(links.style, PagingStyle::NextUrl { from: Source::Body(vec![path("$.links.pages.next")]) });
        let page = "{name: page, in: query, schema: {type: integer, default: 0}}";
        let zero = inferred(page, "total: {type: integer}");
        assert_eq!(zero.style, PagingStyle::Page { parameter: "page".to_owned(), first: 0 });
        assert_eq!((zero.total[0].to_string().as_str(), zero.concurrent), ("$.total", true));
        let offset = inferred("{name: $skip, in: query, schema: {type: integer}}", "total: {type: string}");
        assert_eq!(offset.style, PagingStyle::Offset { parameter: "$skip".to_owned() });
        assert!(!offset.total.contains(&path("$.total")));
    }
}
