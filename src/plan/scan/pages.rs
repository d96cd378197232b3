//! The pages of a scan in their order: asks for several at a time, drops rows that a moving list repeats, filters, and
//! stops when enough rows have come. One batch a page. Dropping it ends every request under way.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, Time};

use super::ahead::Ahead;
use super::ask::{self, Arrived, Received, in_table, on_page};
use super::fetch::Fetch;
use super::list::List;
use crate::error::{Error, Kind, Result};
use crate::http::{Completeness, Next, PageFacts, PageRequest, Pager};
use crate::plan::context::StatementContext;
use crate::plan::errors::unwrap;
use crate::registry::PagingStyle;
use crate::rows::{Decoder, compact, schema};

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
    ahead: Option<Ahead>,
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
    task: Option<SpawnedTask<Result<Arrived>>>,
}

impl Pages {
    /// Nothing is sent before [`Pages::next`].
    pub fn new(fetch: Arc<Fetch>, limit: Option<usize>, context: Arc<StatementContext>) -> Result<Self> {
        let widest = context.registry.provider(&fetch.resource.provider)?.access.concurrent.max(1);
        let lists = fetch.sets.iter().map(|_| None).collect();
        let decoder = Arc::new(Decoder::new(fetch.columns.clone()));
        context.progress.begin(fetch.sets.len());
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
            ahead: None,
        })
    }

    /// The same, counting what it costs.
    pub fn counted(mut self, cost: Cost) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The same, keeping its pages within the statement's memory.
    pub fn within(mut self, pool: &Arc<dyn MemoryPool>) -> Self {
        self.ahead = Some(Ahead::new(pool));
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
            let arrived = task.join().await.map_err(worker_failed)?;
            let arrived = arrived.map_err(|e| self.named(e, item.page))?;
            self.weigh(&item, &arrived)?;
            let batch = self.taken(&item, arrived).await?;
            self.ahead.iter_mut().for_each(Ahead::passed_on);
            // What follows is asked for now, while these rows are looked at.
            if self.left != Some(0) {
                self.fill();
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

    /// An error with the number of its page, in a list of pages.
    fn named(&self, error: Error, page: u64) -> Error {
        match self.fetch.paging().style {
            PagingStyle::Whole => error,
            _ => on_page(error, &self.fetch.resource, page),
        }
    }

    /// Whether only a page names the one after it, and nothing but its rows decides whether that is wanted.
    fn is_chain(&self) -> bool {
        let style = self.fetch.paging().style;
        self.left.is_none()
            && matches!(style, PagingStyle::Cursor { .. } | PagingStyle::NextUrl { .. } | PagingStyle::Link)
    }

    /// Takes a page that has come: what follows it, and what is left of its rows.
    async fn taken(&mut self, item: &Item, arrived: Arrived) -> Result<RecordBatch> {
        let (batch, bytes) = match arrived {
            Arrived::Decoded(received, batch) => {
                self.check_page(item, &received)?;
                if received.absent {
                    self.read += 1;
                    return Ok(RecordBatch::new_empty(schema(&self.fetch.columns[..self.fetch.output])));
                }
                let mut facts = received.facts.clone();
                let batch = self.fresh(item, batch, &mut facts)?;
                self.advance(item, &facts)?;
                (batch, received.bytes())
            }
            Arrived::Raw(mut received) => {
                self.check_page(item, &received)?;
                let facts = received.facts.clone();
                self.advance(item, &facts)?;
                self.fill();
                let bytes = received.bytes();
                let (context, fetch, decoder) = (self.context.clone(), self.fetch.clone(), self.decoder.clone());
                let set = item.set;
                let read = SpawnedTask::spawn(async move {
                    ask::read(&context, &fetch, &decoder, (&fetch.sets[set].0, &mut received)).await
                });
                let batch = read.join().await.map_err(worker_failed)?.map_err(|e| self.named(e, item.page))?;
                (self.fresh(item, batch, &mut facts.clone())?, bytes)
            }
        };
        self.read += 1;
        self.tell_of_end(item.set);
        let decoded = batch.num_rows();
        let fetch = self.fetch.clone();
        let batch = self.finish(batch, fetch.sets[item.set].1.as_ref())?;
        if let Some(cost) = &self.cost {
            cost.pages.add(1);
            cost.bytes.add(bytes);
            cost.decoded.add(decoded);
            if batch.num_rows() > 0 && cost.first_row.value() == 0 {
                cost.first_row.add_duration(cost.started.elapsed());
            }
        }
        Ok(batch)
    }

    /// Counts what a page takes, and what is remembered of those before it.
    fn weigh(&mut self, item: &Item, arrived: &Arrived) -> Result<()> {
        let page = match arrived {
            Arrived::Decoded(received, batch) => received.bytes() + batch.get_array_memory_size(),
            Arrived::Raw(received) => received.bytes() * 2,
        };
        let kept = self.lists.iter().flatten().map(List::memory).sum();
        match &mut self.ahead {
            Some(ahead) => ahead.came(page, kept).map_err(|e| on_page(e, &self.fetch.resource, item.page)),
            None => Ok(()),
        }
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
        if let Some(ahead) = &self.ahead {
            self.window = ahead.pages(self.window);
        }
    }

    /// Begins as many requests as may travel at the same time.
    fn fill(&mut self) {
        self.widen();
        while self.queue.len() < self.window && self.next_set < self.fetch.sets.len() {
            let pager = Pager::new(&self.fetch.paging(), self.fetch.wanted(self.left));
            let request = pager.first();
            let list = List::new(pager);
            self.lists[self.next_set] = Some(list);
            self.queue.push_back(Item { set: self.next_set, page: 1, request, beside: false, task: None });
            self.next_set += 1;
        }
        let chained = self.is_chain();
        for item in self.queue.iter_mut().take(self.window).filter(|item| item.task.is_none()) {
            let (fetch, decoder, context) = (self.fetch.clone(), self.decoder.clone(), self.context.clone());
            let request = (item.set, item.request.clone(), chained);
            item.task = Some(SpawnedTask::spawn(ask::page(context, fetch, decoder, request)));
        }
    }

    /// A page after the first must be one.
    fn check_page(&self, item: &Item, received: &Received) -> Result<()> {
        if item.page == 1 || !(received.absent || received.blank) {
            return Ok(());
        }
        let what = if received.absent { "the API has nothing there any more" } else { "the answer is empty" };
        let error = Error::new(Kind::Api, format!("{what}; the pages before it were read"))
            .hint("The list may have changed while it was read: run it again.");
        Err(on_page(error, &self.fetch.resource, item.page))
    }

    /// The rows that did not come before.
    fn fresh(&mut self, item: &Item, batch: RecordBatch, facts: &mut PageFacts) -> Result<RecordBatch> {
        if self.fetch.key.is_empty() {
            return Ok(batch);
        }
        let key = self.fetch.key.clone();
        let batch = list_of(&mut self.lists, item.set)?.fresh(&batch, &key)?;
        facts.fresh = batch.num_rows() as u64;
        Ok(batch)
    }

    /// Takes into account what a page says, and queues what follows it.
    fn advance(&mut self, item: &Item, facts: &PageFacts) -> Result<()> {
        let fetch = self.fetch.clone();
        let list = list_of(&mut self.lists, item.set)?;
        list.rows += facts.rows;
        list.moved |= list.total.is_some() && facts.total.is_some() && list.total != facts.total;
        if let (None, Some(total)) = (list.total, facts.total) {
            self.context.progress.expect(fetch.wanted(self.left).map_or(total, |wanted| total.min(wanted)));
        }
        list.total = list.total.or(facts.total);
        self.context.progress.page(facts.rows);
        let (next, beside, ended) = if item.beside {
            list.pager.beside(facts).map_err(|e| in_table(e, &fetch.resource))?;
            list.beside -= 1;
            match list.pager.further().filter(|_| list.beside == 0) {
                Some(request) => (vec![request], false, None),
                None => (
                    Vec::new(),
                    false,
                    (list.beside == 0)
                        .then(|| list.pager.finish(list.rows))
                        .transpose()
                        .map_err(|e| in_table(e, &fetch.resource))?,
                ),
            }
        } else {
            match list.pager.after(facts).map_err(|e| in_table(e, &fetch.resource))? {
                Next::End(completeness) => (Vec::new(), false, Some(completeness)),
                Next::Page(request) => {
                    let rest = list.pager.remaining_pages().filter(|rest| !rest.is_empty());
                    let beside = rest.is_some();
                    (rest.unwrap_or_else(|| vec![request]), beside, None)
                }
            }
        };
        if beside {
            list.beside = next.len();
        }
        list.end = ended;
        for (page, request) in (item.page + 1..).zip(next).collect::<Vec<_>>().into_iter().rev() {
            self.queue.push_front(Item { set: item.set, page, request, beside, task: None });
        }
        Ok(())
    }

    /// Tells how a list ended, when it has.
    fn tell_of_end(&mut self, set: usize) {
        let end = self.lists[set].as_mut().and_then(|list| {
            let end = list.end.take()?;
            list.ended = true;
            Some(end)
        });
        if let Some(completeness) = end {
            self.tell(set, completeness);
        }
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
        compact(batch.project(&output).map_err(internal)?)
    }
}

fn list_of(lists: &mut [Option<List>], set: usize) -> Result<&mut List> {
    lists[set].as_mut().ok_or_else(|| Error::new(Kind::Internal, "a page of no list"))
}

fn worker_failed(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("a worker failed: {error}"))
        .hint("this is a defect of weir: please report it with the statement")
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
