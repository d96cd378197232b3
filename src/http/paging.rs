//! From one page to the next: a state machine that asks for pages and is told what each brought. Pure.
//! Owns the styles and the guards (cut lists, servers that ignore the page, cursors that come back).
//! Must not know how a page is fetched or what its rows are.

use std::collections::HashSet;

use super::page::{PageFacts, PageRequest};
use crate::error::{Error, Kind, Result};
use crate::registry::{Known, Paging, PagingStyle, Slot};

/// More pages than this are taken for a server that never ends.
const MOST_PAGES: u64 = 100_000;

/// So many empty pages in a row, each with a next one, are taken for the same.
const MOST_EMPTY: u32 = 100;

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another page.
    Page(PageRequest),
    /// No more.
    End(Completeness),
}

/// How much of the list came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// All that was wanted.
    Complete,
    /// Perhaps not all; the sentence says why.
    MayBeCut(String),
}

/// The way through one list.
#[derive(Debug, Clone)]
pub struct Pager {
    paging: Paging,
    /// Page size asked for.
    size: Option<u64>,
    /// Rows wanted, when nothing stands between the API's rows and the answer.
    limit: Option<u64>,
    pages: u64,
    rows: u64,
    /// Rows that were on no earlier page: only these count for the limit.
    fresh: u64,
    total: Option<u64>,
    total_pages: Option<u64>,
    /// Most rows that any page brought.
    fullest: u64,
    empty: u32,
    /// The last page says that there is more.
    more: bool,
    before: Option<(u64, u64)>,
    sent: HashSet<String>,
    /// A `Link` header that no document speaks of has led here: only links lead on.
    linked: bool,
}

impl Pager {
    /// The way through a list of `paging`, of which `limit` rows are wanted.
    pub fn new(paging: &Paging, limit: Option<u64>) -> Self {
        let size = paging.size.as_ref().filter(|size| limit.is_some() || !size.if_wanted);
        let size = size.map(|size| limit.map_or(size.largest, |l| l.min(size.largest)).max(size.smallest).max(1));
        Pager {
            paging: paging.clone(),
            size,
            limit,
            pages: 0,
            rows: 0,
            fresh: 0,
            total: None,
            total_pages: None,
            fullest: 0,
            empty: 0,
            more: false,
            before: None,
            sent: HashSet::new(),
            linked: false,
        }
    }

    /// What the first page adds to the request.
    pub fn first(&self) -> PageRequest {
        match self.paging.style {
            // As StackQL asks: the operation need not declare the number, and most do not where there is one page.
            PagingStyle::Page { .. } if self.paging.known == Known::Configured => self.sized(None),
            PagingStyle::Page { first, .. } => self.numbered(first),
            PagingStyle::Offset { .. } => self.numbered(0),
            _ => self.sized(None),
        }
    }

    /// What comes after a page that brought `facts`.
    ///
    /// # Errors
    /// When the list is known to be cut, or the API leads round in circles.
    pub fn after(&mut self, facts: &PageFacts) -> Result<Next> {
        self.take(facts)?;
        if self.limit.is_some_and(|limit| self.fresh >= limit) {
            return Ok(Next::End(self.gap().map_or(Completeness::Complete, Completeness::MayBeCut)));
        }
        if self.follows_link(facts) {
            let link = self.once("next page", facts.link.as_ref(), facts)?.map(linked);
            return link.map_or_else(|| self.finish(self.rows).map(Next::End), |link| Ok(Next::Page(link)));
        }
        let style = self.paging.style.clone();
        let next = match &style {
            PagingStyle::Whole => None,
            PagingStyle::Page { first, parameter } => {
                self.same_page_again(facts, parameter)?;
                self.goes_on(facts).then(|| self.numbered(first + self.pages))
            }
            PagingStyle::Offset { parameter } => {
                self.same_page_again(facts, parameter)?;
                self.goes_on(facts).then(|| self.numbered(self.rows))
            }
            PagingStyle::Cursor { into, .. } => {
                let cursor = self.once("cursor", facts.cursor.as_ref(), facts)?;
                cursor.map(|cursor| self.with_token(into, cursor))
            }
            PagingStyle::NextUrl { .. } => self.once("next page", facts.next_url.as_ref(), facts)?.map(linked),
            PagingStyle::Link => self.once("next page", facts.link.as_ref(), facts)?.map(linked),
            PagingStyle::Keyset { parameter, field } => return self.after_key(facts, parameter, field),
        };
        match next {
            Some(request) => {
                self.ends_some_day()?;
                Ok(Next::Page(request))
            }
            None => self.finish(self.rows).map(Next::End),
        }
    }

    /// The pages that are left after the first, where the API allows asking for them side by side and has said how many
    /// there are. Tell each to [`beside`](Pager::beside), and in the end [`finish`](Pager::finish) the number of all rows,
    /// the first page's included.
    pub fn remaining_pages(&self) -> Option<Vec<PageRequest>> {
        let known = self.paging.concurrent && self.pages == 1 && self.fullest > 0;
        let (PagingStyle::Page { .. } | PagingStyle::Offset { .. }) = self.paging.style else { return None };
        let wanted = |total: u64| self.limit.map_or(total, |limit| total.min(limit));
        let pages = match (self.total, self.total_pages) {
            (Some(total), _) => wanted(total).div_ceil(self.fullest.max(1)),
            (None, Some(pages)) => wanted(pages.saturating_mul(self.fullest)).div_ceil(self.fullest.max(1)),
            (None, None) => return None,
        };
        if !known || pages > MOST_PAGES {
            return None;
        }
        let request = |index: u64| match self.paging.style {
            PagingStyle::Page { first, .. } => self.numbered(first + index),
            _ => self.numbered(index * self.fullest),
        };
        Some((1..pages).map(request).collect())
    }

    /// Takes a page that was asked for beside others, in any order.
    ///
    /// # Errors
    /// When it is the first page once more.
    pub fn beside(&mut self, facts: &PageFacts) -> Result<()> {
        let (PagingStyle::Page { parameter, .. } | PagingStyle::Offset { parameter }) = self.paging.style.clone()
        else {
            return Err(Error::new(Kind::Internal, "pages of this list come one after another"));
        };
        self.pages += 1;
        self.rows += facts.rows;
        self.fresh += facts.fresh;
        self.total = facts.total.or(self.total);
        let first = self.before;
        self.same_page_again(facts, &parameter)?;
        self.before = first;
        Ok(())
    }

    /// The page after those that were asked for side by side, where they brought fewer rows than are wanted: some came
    /// twice. Its answer goes to [`after`](Pager::after).
    pub fn further(&self) -> Option<PageRequest> {
        let wants = self.limit.is_some_and(|limit| self.fresh < limit);
        let more = self.total.is_some_and(|total| self.rows < total);
        let PagingStyle::Page { first, .. } = self.paging.style else { return None };
        (wants && more && self.gap().is_none()).then(|| self.numbered(first + self.pages))
    }

    /// What is missing on the pages so far, which the API has numbered and counted: all but the last are full.
    pub fn gap(&self) -> Option<String> {
        let PagingStyle::Page { .. } = self.paging.style else { return None };
        let due = self.total?.min(self.pages.saturating_mul(self.fullest));
        let (pages, rows) = (self.page_count(), self.rows);
        (rows < due).then(|| format!("{pages} should have brought {due} rows and brought {rows}; some are missing"))
    }

    /// Judges a list of `rows` rows that has come to its end.
    ///
    /// # Errors
    /// When the API has said that there are more.
    pub fn finish(&self, rows: u64) -> Result<Completeness> {
        let gap = self.gap().filter(|_| self.limit.is_some());
        if self.limit.is_some_and(|limit| rows >= limit) {
            return Ok(gap.map_or(Completeness::Complete, Completeness::MayBeCut));
        }
        // An empty page is the end, whatever a total counts of which nobody said what it is.
        let emptied = self.paging.known == Known::Inferred && self.empty > 0;
        if let Some(total) = self.total.filter(|total| *total > rows && !emptied) {
            let whole =
                || format!("the API says that there are {total} rows, and gave {rows} on {}", self.page_count());
            let said = gap.unwrap_or_else(whole);
            if self.paging.total_may_differ {
                return Ok(Completeness::MayBeCut(said));
            }
            return Err(Error::new(Kind::Api, format!("the list is cut: {said}"))
                .hint("It may have changed while it was read: run it again, or narrow it by a filter the API knows."));
        }
        // An empty page that speaks of more has been asked for by something that the API does not look at.
        if self.more && !emptied {
            let pages = self.page_count();
            return Ok(Completeness::MayBeCut(format!(
                "the API says behind {pages} that there is more, and nothing says how to ask for it"
            )));
        }
        match self.paging.window {
            Some(window) if rows >= window && rows > 0 && !self.by_key() => Ok(Completeness::MayBeCut(format!(
                "the list has {rows} rows, and the API is believed to cut it at {window} without a word"
            ))),
            _ => Ok(self.only_page_is_full().map_or(Completeness::Complete, Completeness::MayBeCut)),
        }
    }

    fn take(&mut self, facts: &PageFacts) -> Result<()> {
        self.pages += 1;
        self.rows += if self.by_key() { facts.fresh } else { facts.rows };
        self.fresh += facts.fresh;
        self.fullest = self.fullest.max(facts.rows);
        self.empty = if facts.rows == 0 { self.empty + 1 } else { 0 };
        self.more = facts.more == Some(true);
        // Behind a key the API may count only what is left: there the first page's word holds.
        if !self.by_key() || self.pages == 1 {
            self.total = facts.total.or(self.total);
            self.total_pages = facts.total_pages.or(self.total_pages);
        }
        if self.empty > MOST_EMPTY {
            let message = format!("the API gave {MOST_EMPTY} empty pages in a row, each with a next one");
            return Err(Error::new(Kind::Api, message));
        }
        Ok(())
    }

    /// Whether the next page is where the answer's `Link` header says, though no document speaks of one. Where the answer
    /// counts pages or rows, numbers lead as well, and side by side.
    fn follows_link(&mut self, facts: &PageFacts) -> bool {
        let uncounted = match self.paging.style {
            PagingStyle::Whole => true,
            PagingStyle::Page { .. } | PagingStyle::Offset { .. } => self.total.is_none() && self.total_pages.is_none(),
            _ => false,
        };
        let silent = self.paging.known == Known::Inferred;
        self.linked = silent && (self.linked || (uncounted && facts.link.is_some()));
        self.linked
    }

    /// The one page of a list that came, where nothing tells how to ask for more, though there may be more.
    fn only_page_is_full(&self) -> Option<String> {
        let full = self.size.is_some_and(|size| self.fullest >= size) || self.paging.full.contains(&self.fullest);
        let mute = match self.paging.style {
            PagingStyle::Whole => true,
            // That no token came may mean that it has a name which nobody guessed.
            PagingStyle::Cursor { .. } => self.sent.is_empty() && !self.paging.full.is_empty(),
            _ => false,
        };
        let told = self.total.is_some() || self.total_pages.is_some() || self.linked;
        (self.paging.known == Known::Inferred && self.pages == 1 && mute && full && !told && self.fullest > 0).then(
            || format!("the one page that came is full ({} rows), and nothing says how to ask for the next", self.rows),
        )
    }

    /// Whether a list by numbers has another page.
    fn goes_on(&self, facts: &PageFacts) -> bool {
        if facts.rows == 0 {
            return false;
        }
        if let Some(more) = facts.more {
            return more;
        }
        let last = self.total_pages.is_some_and(|pages| self.pages >= pages);
        if let Some(total) = self.total {
            return self.rows < total && !(last && self.paging.known == Known::Inferred);
        }
        if let Some(pages) = self.total_pages {
            return self.pages < pages;
        }
        // Without a count, a page that is not full is the last; without a size, full is what the fullest was.
        facts.rows >= self.size.unwrap_or(self.fullest)
    }

    fn after_key(&mut self, facts: &PageFacts, parameter: &str, field: &str) -> Result<Next> {
        let full = self.size.or(self.paging.window);
        let short = full.is_some_and(|full| facts.rows < full);
        if facts.rows == 0 || short {
            return self.finish(self.rows).map(Next::End);
        }
        let Some(value) = facts.last_value.clone() else {
            let message =
                format!("the last row of page {} has no `{field}`, by which the next is asked for", self.pages);
            return Err(Error::new(Kind::Api, message));
        };
        let new_value = self.sent.insert(value.clone());
        if facts.fresh == 0 || !new_value {
            // Everything after this value may hide behind rows that share it, if they fill a page.
            return match (self.finish(self.rows)?, full) {
                (Completeness::Complete, Some(full)) => Ok(Next::End(Completeness::MayBeCut(format!(
                    "{full} rows or more share `{field}` = {value}, and a page holds no more"
                )))),
                (completeness, _) => Ok(Next::End(completeness)),
            };
        }
        self.ends_some_day()?;
        Ok(Next::Page(self.sized(Some((parameter.to_owned(), value)))))
    }

    /// The same first row twice, on pages of the same length: the server does not look at the page's number.
    fn same_page_again(&mut self, facts: &PageFacts, parameter: &str) -> Result<()> {
        let this = facts.first_row.map(|row| (row, facts.rows));
        if this.is_some() && this == self.before {
            let message = format!("page {} is the same as the one before: the API ignores `{parameter}`", self.pages);
            return Err(Error::new(Kind::Api, message)
                .hint("The provider's document describes another paging than the API has."));
        }
        self.before = this;
        Ok(())
    }

    /// A token or URL that was not sent before. A page without rows that leads to itself is the end: behind the last row,
    /// some APIs give back the token that they were asked by.
    fn once(&mut self, what: &str, token: Option<&String>, facts: &PageFacts) -> Result<Option<String>> {
        // How servers written in Go spell none.
        let token = token.filter(|token| !matches!(token.trim(), "" | "<nil>" | "[]"));
        let Some(token) = token else { return Ok(None) };
        if self.sent.insert(token.clone()) {
            return Ok(Some(token.clone()));
        }
        if facts.rows == 0 {
            return Ok(None);
        }
        let message = format!("page {} gave a {what} that was given before: the list would never end", self.pages);
        Err(Error::new(Kind::Api, message))
    }

    fn ends_some_day(&self) -> Result<()> {
        if self.pages < MOST_PAGES {
            return Ok(());
        }
        Err(Error::new(Kind::Api, format!("the list has not ended after {MOST_PAGES} pages"))
            .hint("Narrow it by a filter the API knows, or with LIMIT."))
    }

    fn by_key(&self) -> bool {
        matches!(self.paging.style, PagingStyle::Keyset { .. })
    }

    fn page_count(&self) -> String {
        if self.pages == 1 { "one page".to_owned() } else { format!("{} pages", self.pages) }
    }

    fn numbered(&self, number: u64) -> PageRequest {
        match &self.paging.style {
            PagingStyle::Page { parameter, .. } | PagingStyle::Offset { parameter } => {
                self.sized(Some((parameter.clone(), number.to_string())))
            }
            _ => self.sized(None),
        }
    }

    fn sized(&self, position: Option<(String, String)>) -> PageRequest {
        let size =
            self.paging.size.as_ref().zip(self.size).map(|(size, rows)| (size.parameter.clone(), rows.to_string()));
        PageRequest { query: position.into_iter().chain(size).collect(), ..PageRequest::default() }
    }

    /// The page that a token names. Where only names say that it is one, a whole URL is no token.
    fn with_token(&self, into: &Slot, token: String) -> PageRequest {
        let is_url = token.starts_with("http://") || token.starts_with("https://");
        if is_url && self.paging.known == Known::Inferred {
            return linked(token);
        }
        match into {
            Slot::Query(parameter) => self.sized(Some((parameter.clone(), token))),
            Slot::Header(name) => PageRequest { headers: vec![(name.clone(), token)], ..self.sized(None) },
            Slot::GraphQl => PageRequest { graphql: Some(token), ..self.sized(None) },
            Slot::Body(path) => PageRequest { body: vec![(path.clone(), token)], ..self.sized(None) },
        }
    }
}

fn linked(url: String) -> PageRequest {
    PageRequest { url: Some(url), ..PageRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{JsonPath, PageSize, Source};

    fn paging(style: PagingStyle) -> Paging {
        Paging {
            style,
            size: Some(PageSize { parameter: "per_page".into(), largest: 100, smallest: 1, if_wanted: false }),
            ..Paging::whole()
        }
    }

    fn by_page() -> Paging {
        paging(PagingStyle::Page { parameter: "page".into(), first: 1 })
    }

    fn by_key() -> Paging {
        paging(PagingStyle::Keyset { parameter: "after".into(), field: "created".into() })
    }

    fn by_cursor() -> Paging {
        let next = vec![JsonPath::parse("$.info.cursor").unwrap()];
        paging(PagingStyle::Cursor { into: Slot::Query("cursor".into()), from: Source::Body(next) })
    }

    fn rows(rows: u64) -> PageFacts {
        PageFacts { rows, fresh: rows, ..PageFacts::default() }
    }

    fn of(rows_: u64, total: u64) -> PageFacts {
        PageFacts { total: Some(total), ..rows(rows_) }
    }

    fn text(request: &PageRequest) -> String {
        let pairs: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.url.clone().unwrap_or_else(|| pairs.join("&"))
    }

    /// Walks `pages` and tells each request and the end in one line.
    fn walk(paging: &Paging, limit: Option<u64>, pages: &[PageFacts]) -> String {
        let mut way = Pager::new(paging, limit);
        let mut story = vec![text(&way.first())];
        for facts in pages {
            match way.after(facts) {
                Ok(Next::Page(request)) => story.push(text(&request)),
                Ok(Next::End(Completeness::Complete)) => story.push("complete".into()),
                Ok(Next::End(Completeness::MayBeCut(why))) => story.push(format!("may be cut: {why}")),
                Err(error) => story.push(format!("error: {error}")),
            }
        }
        story.join(" | ")
    }

    #[test]
    fn a_flag_says_more_than_the_size_of_a_page() {
        let flagged = |rows_: u64, more: bool| PageFacts { more: Some(more), ..rows(rows_) };
        let story = walk(&by_page(), None, &[flagged(7, true), flagged(100, false)]);
        assert_eq!(story, "page=1&per_page=100 | page=2&per_page=100 | complete");
        let story = walk(&Paging { known: Known::Inferred, ..Paging::whole() }, None, &[flagged(7, true)]);
        assert_eq!(
            story,
            " | may be cut: the API says behind one page that there is more, and nothing says how to ask for it"
        );
        assert_eq!(walk(&Paging::whole(), Some(7), &[flagged(7, true)]), " | complete");
    }

    #[test]
    fn the_first_page_is_not_numbered_where_stackqls_words_number_pages() {
        let configured = Paging { known: Known::Configured, size: None, ..by_page() };
        let of = |pages: u64| PageFacts { total_pages: Some(pages), ..rows(20) };
        assert_eq!(walk(&configured, None, &[of(2), of(2)]), " | page=2 | complete");
        assert_eq!(walk(&configured, None, &[of(1)]), " | complete");
    }

    #[test]
    fn a_page_without_rows_that_leads_to_itself_is_the_end() {
        let named = |rows_: u64, cursor: &str| PageFacts { cursor: Some(cursor.into()), ..rows(rows_) };
        let bare = Paging { size: None, ..by_cursor() };
        assert_eq!(walk(&bare, None, &[named(2, "b"), named(0, "b")]), " | cursor=b | complete");
        assert!(walk(&bare, None, &[named(2, "b"), named(1, "b")]).contains("error: page 2 gave a cursor"));
    }

    #[test]
    fn pages_without_a_count_end_with_one_that_is_not_full() {
        let story = walk(&by_page(), None, &[rows(100), rows(100), rows(7)]);
        assert_eq!(story, "page=1&per_page=100 | page=2&per_page=100 | page=3&per_page=100 | complete");
        assert_eq!(walk(&by_page(), None, &[rows(0)]), "page=1&per_page=100 | complete");
    }

    #[test]
    fn without_count_and_size_a_page_is_full_when_none_was_fuller() {
        let bare = Paging { size: None, ..by_page() };
        assert_eq!(walk(&bare, None, &[rows(20), rows(20), rows(3)]), "page=1 | page=2 | page=3 | complete");
        assert_eq!(walk(&bare, None, &[rows(20), rows(0)]), "page=1 | page=2 | complete");
    }

    #[test]
    fn a_count_saves_the_last_request_and_bears_a_smaller_page_than_asked_for() {
        assert_eq!(walk(&by_page(), None, &[of(100, 100)]), "page=1&per_page=100 | complete");
        let capped = walk(&by_page(), None, &[of(50, 120), of(50, 120), of(20, 120)]);
        assert_eq!(capped, "page=1&per_page=100 | page=2&per_page=100 | page=3&per_page=100 | complete");
        let pages = |n| PageFacts { total_pages: Some(2), ..rows(n) };
        assert_eq!(
            walk(&by_page(), None, &[pages(100), pages(100)]),
            "page=1&per_page=100 | page=2&per_page=100 | complete"
        );
    }

    #[test]
    fn fewer_rows_than_the_count_is_an_error_with_the_numbers_or_a_doubt() {
        let story = walk(&by_page(), None, &[of(100, 150), of(0, 150)]);
        assert!(
            story.ends_with("error: the list is cut: the API says that there are 150 rows, and gave 100 on 2 pages")
        );
        let lenient = Paging { total_may_differ: true, ..by_page() };
        assert!(walk(&lenient, None, &[of(100, 150), of(0, 150)]).contains("| may be cut: the API says"));
        let whole = Paging { size: None, ..paging(PagingStyle::Whole) };
        assert!(walk(&whole, None, &[of(1000, 1200)]).contains("error: the list is cut"));
        assert_eq!(walk(&whole, None, &[of(1200, 1200)]), " | complete");
    }

    #[test]
    fn exactly_a_window_of_rows_may_be_cut() {
        let whole = Paging { window: Some(1000), size: None, ..paging(PagingStyle::Whole) };
        assert!(walk(&whole, None, &[rows(1000)]).contains("may be cut: the list has 1000 rows"));
        assert_eq!(walk(&whole, None, &[rows(999)]), " | complete");
        assert_eq!(walk(&whole, Some(1000), &[rows(1000)]), " | complete");
    }

    #[test]
    fn a_limit_makes_pages_smaller_and_ends_the_walk() {
        assert_eq!(walk(&by_page(), Some(5), &[of(5, 900)]), "page=1&per_page=5 | complete");
        assert_eq!(
            walk(&by_page(), Some(150), &[of(100, 900), of(100, 900)]),
            "page=1&per_page=100 | page=2&per_page=100 | complete"
        );
    }

    #[test]
    fn a_server_that_ignores_the_page_is_found_out() {
        let same = PageFacts { first_row: Some(7), ..rows(100) };
        let other = PageFacts { first_row: Some(8), ..rows(100) };
        let story = walk(&by_page(), None, &[same.clone(), same.clone()]);
        assert!(story.ends_with("error: page 2 is the same as the one before: the API ignores `page`"), "{story}");
        assert!(!walk(&by_page(), None, &[same, other]).contains("error"));
    }

    #[test]
    fn offsets_follow_the_rows_that_came() {
        let offsets = paging(PagingStyle::Offset { parameter: "offset".into() });
        let story = walk(&offsets, None, &[of(100, 180), of(50, 180), of(30, 180)]);
        assert_eq!(story, "offset=0&per_page=100 | offset=100&per_page=100 | offset=150&per_page=100 | complete");
    }

    #[test]
    fn cursors_end_when_there_is_none_and_must_not_come_back() {
        let at = |n, cursor: &str| PageFacts { cursor: Some(cursor.into()), ..rows(n) };
        assert_eq!(
            walk(&by_cursor(), None, &[at(100, "a"), at(0, "b"), rows(3)]),
            "per_page=100 | cursor=a&per_page=100 | cursor=b&per_page=100 | complete"
        );
        assert!(
            walk(&by_cursor(), None, &[at(1, "a"), at(1, "b"), at(1, "a")]).contains("error: page 3 gave a cursor")
        );
        let endless: Vec<PageFacts> = (0..=MOST_EMPTY).map(|n| at(0, &n.to_string())).collect();
        assert!(walk(&by_cursor(), None, &endless).ends_with("empty pages in a row, each with a next one"));
        let short = PageFacts { total: Some(9), ..rows(3) };
        assert!(walk(&by_cursor(), None, &[short]).contains("error: the list is cut"));
    }

    #[test]
    fn urls_from_body_and_header_are_followed_once() {
        let in_body = PageFacts { next_url: Some("https://h/2".into()), ..rows(1) };
        let style = paging(PagingStyle::NextUrl { from: Source::Body(Vec::new()) });
        assert_eq!(walk(&style, None, &[in_body.clone(), rows(1)]), "per_page=100 | https://h/2 | complete");
        assert!(walk(&style, None, &[in_body.clone(), in_body]).contains("error: page 2 gave a next page"));
        let in_header = PageFacts { link: Some("https://h/2".into()), ..rows(1) };
        assert_eq!(
            walk(&paging(PagingStyle::Link), None, &[in_header, rows(0)]),
            "per_page=100 | https://h/2 | complete"
        );
    }

    #[test]
    fn a_keyset_ends_when_a_page_brings_nothing_new() {
        let at = |rows, fresh, value: &str| PageFacts {
            rows,
            fresh,
            last_value: Some(value.into()),
            ..PageFacts::default()
        };
        assert_eq!(
            walk(&by_key(), None, &[at(100, 100, "t1"), at(100, 99, "t2"), at(2, 1, "t3")]),
            "per_page=100 | after=t1&per_page=100 | after=t2&per_page=100 | complete"
        );
        let stuck = walk(&by_key(), None, &[at(100, 100, "t1"), at(100, 0, "t1")]);
        assert!(
            stuck.ends_with("may be cut: 100 rows or more share `created` = t1, and a page holds no more"),
            "{stuck}"
        );
        let sizeless = Paging { size: None, ..by_key() };
        assert_eq!(walk(&sizeless, None, &[at(9, 9, "a"), at(1, 0, "a")]), " | after=a | complete");
        let nameless = PageFacts { rows: 100, fresh: 100, ..PageFacts::default() };
        assert!(walk(&by_key(), None, &[nameless]).contains("error: the last row of page 1 has no `created`"));
        let windowed = Paging { size: None, window: Some(3), ..by_key() };
        assert_eq!(walk(&windowed, None, &[at(3, 3, "a"), at(2, 1, "b")]), " | after=a | complete");
    }

    #[test]
    fn pages_side_by_side_are_those_after_the_first_and_are_judged_together() {
        let side = Paging { concurrent: true, ..by_page() };
        let after_first = |limit, facts: &PageFacts| {
            let mut pager = Pager::new(&side, limit);
            pager.after(facts).unwrap();
            pager
        };
        let mut pager = after_first(Some(200), &of(100, 900));
        assert!(pager.beside(&PageFacts { fresh: 97, ..of(100, 900) }).is_ok());
        assert_eq!(pager.further().as_ref().map(text).as_deref(), Some("page=3&per_page=100"));
        let mut short = after_first(Some(200), &of(100, 900));
        assert!(short.beside(&of(97, 900)).is_ok() && short.further().is_none());
        assert_eq!(
            short.gap().as_deref(),
            Some("2 pages should have brought 200 rows and brought 197; some are missing")
        );
        let left = |pager: &Pager| pager.remaining_pages().map(|p| p.iter().map(text).collect::<Vec<_>>().join(" "));
        let pager = after_first(None, &of(100, 250));
        assert_eq!(left(&pager).as_deref(), Some("page=2&per_page=100 page=3&per_page=100"));
        assert_eq!(pager.finish(250).unwrap(), Completeness::Complete);
        assert!(pager.finish(249).is_err());
        let page = |first_row, rows_| PageFacts { first_row: Some(first_row), ..of(rows_, 250) };
        let mut pager = after_first(None, &page(1, 100));
        assert!(pager.beside(&page(3, 50)).is_ok() && pager.beside(&page(2, 100)).is_ok());
        assert!(pager.beside(&page(1, 100)).unwrap_err().message().contains("ignores `page`"));
        // A server that gives fewer than asked for has more pages.
        assert_eq!(left(&after_first(None, &of(50, 150))).unwrap().matches("page=").count(), 4);
        assert_eq!(left(&after_first(Some(150), &of(100, 900))).as_deref(), Some("page=2&per_page=100"));
        assert_eq!(left(&after_first(None, &rows(100))), None);
        let mut lonely = Pager::new(&by_page(), None);
        lonely.after(&of(100, 250)).unwrap();
        assert_eq!(left(&lonely), None);
    }
}
