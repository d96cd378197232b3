//! The pages of a scan in their order: asks for several at a time, drops rows that a moving list repeats, filters, and
//! stops when enough rows have come. One batch a page. Dropping it ends every request under way.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::runtime::SpawnedTask;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, Time};

use super::ask::{self, Page, in_table, on_page};
use super::fetch::Fetch;
use crate::error::{Error, Kind, Result};
use crate::http::{Completeness, Next, PageRequest, Pager};
use crate::plan::context::StatementContext;
use crate::plan::errors::unwrap;
use crate::registry::PagingStyle;
use crate::rows::{Decoder, schema};

/// A scan under way.
pub struct Pages {
    fetch: Arc<Fetch>,
    context: Arc<StatementContext>,
    decoder: Arc<Decoder>,
    /// Rows still wanted.
    left: Option<usize>,
    /// Requests at the same time.
    window: usize,
    widest: usize,
    /// Pages in the order of their rows; those at the front are under way.
    queue: VecDeque<Item>,
    /// The next parameter set to begin.
    next_set: usize,
    lists: Vec<Option<List>>,
    /// Pages read so far.
    read: usize,
    cost: Option<Cost>,
}

/// What EXPLAIN ANALYZE tells of a scan.
pub struct Cost {
    pages: Count,
    bytes: Count,
    decoded: Count,
    first_row: Time,
    started: Instant,
}

impl Cost {
    /// Counts into `metrics`.
    pub fn new(metrics: &ExecutionPlanMetricsSet) -> Cost {
        let counter = |name: &'static str| MetricBuilder::new(metrics).counter(name, 0);
        let first_row = MetricBuilder::new(metrics).subset_time("time_to_first_row", 0);
        Cost {
            pages: counter("pages"),
            bytes: counter("bytes"),
            decoded: counter("rows_decoded"),
            first_row,
            started: Instant::now(),
        }
    }
}

struct Item {
    set: usize,
    /// Its place in its list, from 1.
    page: u64,
    request: PageRequest,
    beside: bool,
    task: Option<SpawnedTask<Result<Page>>>,
}

/// Where the list of one parameter set stands.
struct List {
    pager: Pager,
    /// Pages asked for beside each other that have not come yet.
    beside: usize,
    /// All rows so far.
    rows: u64,
    /// The total that the first page told.
    total: Option<u64>,
    seen: HashSet<String>,
    repeated: u64,
    moved: bool,
    ended: bool,
}

impl Pages {
    /// Nothing is sent before [`Pages::next`].
    pub fn new(fetch: Arc<Fetch>, limit: Option<usize>, context: Arc<StatementContext>) -> Result<Self> {
        let widest = context.registry.provider(&fetch.resource.provider)?.access.concurrent.max(1);
        let lists = fetch.sets.iter().map(|_| None).collect();
        let decoder = Arc::new(Decoder::new(fetch.columns.clone()));
        Ok(Pages {
            fetch,
            context,
            decoder,
            left: limit,
            window: 1,
            widest,
            queue: VecDeque::new(),
            next_set: 0,
            lists,
            read: 0,
            cost: None,
        })
    }

    /// The same, counting what it costs.
    pub fn counted(mut self, cost: Cost) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The next batch of rows; None at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left != Some(0) {
            self.fill();
            let Some(mut item) = self.queue.pop_front() else { return Ok(None) };
            let Some(task) = item.task.take() else {
                return Err(Error::new(Kind::Internal, "a page was not asked for"));
            };
            let page = task.join().await.map_err(|e| Error::new(Kind::Internal, format!("a worker failed: {e}")))?;
            let page =
                page.map_err(|e| if self.comes_in_pages() { on_page(e, &self.fetch.resource, item.page) } else { e })?;
            let (bytes, rows) = (page.bytes, page.batch.num_rows());
            let batch = self.arrived(&item, page)?;
            self.read += 1;
            if let Some(cost) = &self.cost {
                cost.pages.add(1);
                cost.bytes.add(bytes);
                cost.decoded.add(rows);
                if batch.num_rows() > 0 && cost.first_row.value() == 0 {
                    cost.first_row.add_duration(cost.started.elapsed());
                }
            }
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        self.queue.clear();
        // Enough rows have come before some lists have ended: what is to be said of them is said now.
        for set in 0..self.lists.len() {
            let unended = self.lists[set].as_ref().filter(|list| !list.ended);
            if let Some(gap) = unended.map(|list| list.pager.gap()) {
                self.tell(set, gap.map_or(Completeness::Complete, Completeness::MayBeCut));
            }
        }
        Ok(None)
    }

    fn comes_in_pages(&self) -> bool {
        self.fetch.paging().style != PagingStyle::Whole
    }

    /// How many requests may travel at the same time. Under a limit no more than it may need: as many as the rows that
    /// are left fill, where every row counts; else one, and another for each eight pages that were not enough.
    fn widen(&mut self) {
        self.window = match (self.left, self.fetch.paging().size) {
            (None, _) => self.widest,
            (Some(left), Some(size)) if self.fetch.predicates.is_empty() => {
                left.div_ceil(usize::try_from(size.largest).unwrap_or(usize::MAX)).clamp(1, self.widest)
            }
            (Some(_), _) => (1 + self.read / 8).min(self.widest),
        };
    }

    /// Begins as many requests as may travel at the same time.
    fn fill(&mut self) {
        self.widen();
        while self.queue.len() < self.window && self.next_set < self.fetch.sets.len() {
            let pager = Pager::new(&self.fetch.paging(), self.fetch.wanted(self.left));
            let request = pager.first();
            let list = List {
                pager,
                beside: 0,
                rows: 0,
                total: None,
                seen: HashSet::new(),
                repeated: 0,
                moved: false,
                ended: false,
            };
            self.lists[self.next_set] = Some(list);
            self.queue.push_back(Item { set: self.next_set, page: 1, request, beside: false, task: None });
            self.next_set += 1;
        }
        for item in self.queue.iter_mut().take(self.window).filter(|item| item.task.is_none()) {
            let (fetch, decoder, context) = (self.fetch.clone(), self.decoder.clone(), self.context.clone());
            let request = (item.set, item.request.clone());
            item.task = Some(SpawnedTask::spawn(ask::page(context, fetch, decoder, request)));
        }
    }

    /// Takes a page into account, and gives what is left of its rows.
    fn arrived(&mut self, item: &Item, page: Page) -> Result<RecordBatch> {
        let Page { mut batch, mut facts, absent, blank, .. } = page;
        let fetch = self.fetch.clone();
        if item.page > 1 && (absent || blank) {
            let what = if absent { "the API has nothing there any more" } else { "the answer is empty" };
            let error = Error::new(Kind::Api, format!("{what}; the pages before it were read"));
            return Err(on_page(
                error.hint("The list may have changed while it was read: run it again."),
                &fetch.resource,
                item.page,
            ));
        }
        if absent {
            return Ok(RecordBatch::new_empty(schema(&fetch.columns[..fetch.output])));
        }
        let list = self.lists[item.set].as_mut().ok_or_else(|| Error::new(Kind::Internal, "a page of no list"))?;
        list.rows += facts.rows;
        list.moved |= list.total.is_some() && facts.total.is_some() && list.total != facts.total;
        list.total = list.total.or(facts.total);
        if !fetch.key.is_empty() {
            batch = list.fresh(&batch, &fetch.key)?;
            facts.fresh = batch.num_rows() as u64;
        }
        let ended = if item.beside {
            list.pager.beside(&facts).map_err(|e| in_table(e, &fetch.resource))?;
            list.beside -= 1;
            match list.pager.further().filter(|_| list.beside == 0) {
                Some(request) => {
                    self.queue.push_front(Item {
                        set: item.set,
                        page: item.page + 1,
                        request,
                        beside: false,
                        task: None,
                    });
                    Ok(None)
                }
                None => (list.beside == 0).then(|| list.pager.finish(list.rows)).transpose(),
            }
        } else {
            match list.pager.after(&facts) {
                Err(error) => Err(error),
                Ok(Next::End(completeness)) => Ok(Some(completeness)),
                Ok(Next::Page(request)) => {
                    let rest = list.pager.remaining_pages().filter(|rest| !rest.is_empty());
                    let beside = rest.is_some();
                    let requests = rest.unwrap_or_else(|| vec![request]);
                    list.beside = if beside { requests.len() } else { 0 };
                    for (page, request) in (item.page + 1..).zip(requests).collect::<Vec<_>>().into_iter().rev() {
                        self.queue.push_front(Item { set: item.set, page, request, beside, task: None });
                    }
                    Ok(None)
                }
            }
        };
        if let Some(completeness) = ended.map_err(|e| in_table(e, &fetch.resource))? {
            list.ended = true;
            self.tell(item.set, completeness);
        }
        self.finish(batch, fetch.sets[item.set].1.as_ref())
    }

    /// What a list that has ended leaves to say.
    fn tell(&self, set: usize, completeness: Completeness) {
        let (table, warnings) = (self.fetch.resource.full_name(), &self.context.warnings);
        if let Completeness::MayBeCut(why) = completeness {
            warnings.add_incomplete(format!("{table}: {why}"));
        }
        let Some(list) = &self.lists[set] else { return };
        if list.repeated > 0 {
            let rows = if list.repeated == 1 { "1 row" } else { &format!("{} rows", list.repeated) };
            warnings.add_incomplete(format!(
                "{table}: {rows} came twice and counted once: the list changed while it was read, and others may be missing"
            ));
        } else if list.moved {
            warnings.add_incomplete(format!(
                "{table}: the API's total changed while the list was read; rows may be missing"
            ));
        }
    }

    /// Filters, cuts at the limit, and drops the columns that only filters needed.
    fn finish(&mut self, batch: RecordBatch, check: Option<&Arc<dyn PhysicalExpr>>) -> Result<RecordBatch> {
        let mut batch = batch;
        for predicate in self.fetch.predicates.iter().chain(check) {
            if batch.num_rows() > 0 {
                batch = filtered(&batch, predicate)?;
            }
        }
        if let Some(left) = &mut self.left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        let output: Vec<usize> = (0..self.fetch.output).collect();
        batch.project(&output).map_err(internal)
    }
}

impl List {
    /// The rows of `batch` whose key has not come before.
    fn fresh(&mut self, batch: &RecordBatch, key: &[usize]) -> Result<RecordBatch> {
        let options = FormatOptions::default();
        let columns: Vec<&dyn Array> = key.iter().map(|i| batch.column(*i).as_ref()).collect();
        let formatters = columns.iter().map(|c| ArrayFormatter::try_new(*c, &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        let mut keep = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            // A row without its key cannot be told from others: it stays.
            let whole = columns.iter().all(|c| !c.is_null(row));
            let text = formatters.iter().map(|f| f.value(row).to_string()).collect::<Vec<_>>().join("\u{1f}");
            keep.push(!whole || self.seen.insert(text));
        }
        let repeated = keep.iter().filter(|k| !**k).count();
        if repeated == 0 {
            return Ok(batch.clone());
        }
        self.repeated += repeated as u64;
        filter_record_batch(batch, &BooleanArray::from(keep)).map_err(internal)
    }
}

/// The rows that `predicate` holds for.
pub fn filtered(batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
    let value = predicate.evaluate(batch).and_then(|v| v.into_array(batch.num_rows())).map_err(unwrap)?;
    let keep = value
        .as_any()
        .downcast_ref::<BooleanArray>()
        .ok_or_else(|| Error::new(Kind::Internal, format!("the filter {predicate} is no boolean")))?;
    filter_record_batch(batch, keep).map_err(internal)
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("a batch could not be made: {error}"))
}
