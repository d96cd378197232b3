//! Floor 3, the hall: a statement becomes an answer. Owns the session's settings, tables and counters.
//! Knows everything below it; prints nothing and reads no arguments.

mod accounts;
mod answer;
mod assert;
mod check;
mod copied;
mod engine;
mod explain;
mod export;
mod extend;
mod keyring;
mod last;
mod memory;
mod outline;
mod query;
mod settings;
mod show;
mod writes;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use sqlparser::ast::Ident;

pub use accounts::Account;
pub use answer::{Answer, Rows, Summary};
pub use extend::extend;
pub use keyring::Auth;
pub use last::{Kept, LAST};
pub use memory::MemoryLimit;
pub use outline::{Column, Outline, Routine, Table};
pub use settings::{DryRun, Known, MaxFailures, OnError, Origin, Settings, settings_table};
use writes::Shelf;
pub use writes::{Confirm, Proposal, Resume};

use crate::error::{Error, Result};
use crate::http::{Budget, Client, ClientOptions, Halt, Halts, Keyring, RequestLog};
pub use crate::http::{Notices, Record};
use crate::plan::{Answers, Defaults, Names, Progress, StatementContext, Warnings};
pub use crate::plan::{Ended, Outcome, Reached};
use crate::registry::Registry;
pub use crate::registry::read_yaml;
use crate::secret::Redactor;
use crate::sql::{self, Statement};
use engine::Engine;

/// How a session begins.
pub struct SessionOptions {
    /// Folders of providers beside the embedded ones.
    pub registries: Vec<PathBuf>,
    /// Environment variables: credentials, base URLs and defaults that documents name.
    pub variables: HashMap<String, String>,
    /// How to sign in to some providers, whatever their documents say.
    pub auth: Option<Auth>,
    /// The user's own ways to providers, and catalogs beside them.
    pub accounts: Vec<Account>,
    /// Settings at the start.
    pub settings: Settings,
    /// Told at once, while a statement runs ("rate limited, waiting 30 s").
    pub notices: Notices,
    /// Asked before a destructive write, where somebody can answer. None: nobody is asked.
    pub confirm: Option<Confirm>,
    /// Told at once what became of a row of a write.
    pub observer: Observer,
    /// Where the journal of writes lies. None: writes are not journalled.
    pub state: Option<PathBuf>,
    /// Where processes of one user tell each other what they sent, to keep under the rates of APIs together. None: this
    /// session keeps to itself.
    pub limits: Option<PathBuf>,
    /// Where models of documents are kept. None: every session reads its documents anew.
    pub cache: Option<PathBuf>,
    /// Statements are checked and not run: nothing is sent, no credentials are needed, and parameters that the
    /// environment would give count as given.
    pub checks_only: bool,
}

/// Told what became of a row of a write, as soon as it is known. It must not block.
pub type Observer = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// Outcomes that `system.session.outcomes` keeps; the oldest go first.
const OUTCOMES: usize = 100_000;

impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions {
            registries: Vec::new(),
            variables: HashMap::new(),
            auth: None,
            accounts: Vec::new(),
            settings: Settings::default(),
            notices: Notices::ignored(),
            confirm: None,
            observer: Arc::new(|_| {}),
            state: None,
            limits: None,
            cache: None,
            checks_only: false,
        }
    }
}

/// One user's conversation with the providers. Statements run one after the other or side by side; they share the
/// session's tables, settings, connections and limits.
pub struct Session {
    registry: Arc<Registry>,
    client: Client,
    engine: Engine,
    state: Arc<State>,
    variables: Arc<HashMap<String, String>>,
    keyring: Keyring,
    /// Ends a command that gives credentials when the session ends.
    _leash: keyring::Leash,
    redactor: Redactor,
    notices: Notices,
    statements: AtomicU64,
    interruptions: Halts,
    confirm: Option<Confirm>,
    observer: Observer,
    shelf: Shelf,
    /// It began read-only.
    sealed: bool,
    checks_only: bool,
    /// A table of the session holds values of secret columns.
    own_secrets: AtomicBool,
    /// So does `_`.
    last_secrets: AtomicBool,
    /// Of the statement that began last.
    progress: Mutex<Progress>,
}

/// What statements change, and `system.session` shows.
#[derive(Debug)]
struct State {
    settings: RwLock<Settings>,
    /// As the session began.
    initial: RwLock<Settings>,
    in_use: RwLock<Vec<String>>,
    warnings: Mutex<Vec<(u64, String)>>,
    outcomes: Mutex<VecDeque<Outcome>>,
    log: RequestLog,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// A session. Opens no connection yet, and reads no document unless [`SessionOptions::auth`] names providers.
    ///
    /// # Errors
    /// When a registry folder does not exist, or `auth` or an account is not understood.
    pub fn new(options: SessionOptions) -> Result<Session> {
        let registry = Arc::new(keyring::registry(&options)?);
        let variables = Arc::new(options.variables);
        let client = Client::new(ClientOptions { policy: options.settings.policy(), ..ClientOptions::default() });
        let client = match options.limits {
            Some(folder) => client.sharing_limits(folder),
            None => client,
        };
        let sealed = options.settings.read_only;
        let state = Arc::new(State {
            initial: RwLock::new(options.settings.clone()),
            settings: RwLock::new(options.settings),
            in_use: RwLock::default(),
            warnings: Mutex::default(),
            outcomes: Mutex::default(),
            log: client.log().clone(),
        });
        let redactor = Redactor::default();
        let (keyring, leash) = keyring::keyring(&variables);
        let session = Session {
            engine: Engine::new(registry.clone(), state.clone())?,
            registry,
            client,
            state,
            keyring,
            _leash: leash,
            variables,
            redactor,
            notices: options.notices,
            statements: AtomicU64::new(0),
            interruptions: Halts::default(),
            confirm: options.confirm,
            observer: options.observer,
            shelf: Shelf::new(options.state),
            sealed,
            checks_only: options.checks_only,
            own_secrets: AtomicBool::new(false),
            last_secrets: AtomicBool::new(false),
            progress: Mutex::default(),
        };
        session.begin(&options.accounts)?;
        Ok(session)
    }

    /// Settles what the settings cannot say before the providers are known.
    fn begin(&self, accounts: &[Account]) -> Result<()> {
        let defaults = self.defaults_of(accounts)?;
        let mut settings = self.state.settings.write().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in &settings.engine {
            self.engine.check_option(name, value)?;
        }
        for (name, value, origin) in defaults {
            settings.origins.insert(name.clone(), origin);
            settings.defaults.insert(name, value);
        }
        *self.state.initial.write().unwrap_or_else(PoisonError::into_inner) = settings.clone();
        Ok(())
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// When it is refused, or fails before its first row. Errors after that come through the rows.
    pub async fn run(&self, text: &str) -> Result<Answer> {
        self.execute(sql::parse(text)?).await
    }

    /// Runs one statement that is parsed.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub async fn execute(&self, statement: Statement) -> Result<Answer> {
        let run = self.start(self.reads_secrets(&statement));
        let result = match statement {
            statement if self.checks_only => Box::pin(self.check(&run, statement)).await,
            Statement::Query(query) => Box::pin(self.query(&run, *query)).await,
            Statement::Local(statement) => self.local(&run, *statement).await,
            Statement::Show(show) => self.show(&run, &show).await,
            Statement::Describe(describe) => self.describe(&run, &describe).await,
            Statement::Explain(explain) => Box::pin(self.explain(&run, explain)).await,
            Statement::Use(name) => self.use_(&run, &name),
            Statement::Set { name, value } => self.set(&run, &name, value).await,
            Statement::Reset { name } => self.reset(&run, &name),
            Statement::Assert { condition, message } => self.assert(&run, *condition, message).await,
            write => Box::pin(self.write(&run, write)).await,
        };
        result.map_err(|error| {
            self.state.keep_warnings(run.context.statement, &run.context.warnings.texts());
            error.redacted(&self.redactor)
        })
    }

    /// What everything of one statement carries.
    fn start(&self, own_secrets: bool) -> Run {
        let statement = self.statements.fetch_add(1, Ordering::Relaxed) + 1;
        let settings = self.settings();
        let timeout = settings.statement_timeout;
        let context = Arc::new(StatementContext {
            registry: self.registry.clone(),
            client: self.client.clone().with_policy(settings.policy()),
            statement,
            defaults: Defaults {
                set: settings.defaults.clone(),
                variables: self.variables.clone(),
                stand_ins: self.checks_only,
            },
            keyring: self.keyring.clone(),
            variables: self.variables.clone(),
            warnings: Warnings::default(),
            redactor: self.redactor.clone(),
            deadline: (!timeout.is_zero()).then(|| tokio::time::Instant::now() + timeout),
            budget: Budget::new(settings.max_requests),
            notices: self.notices.clone(),
            progress: self.begin_progress(),
            answers: Answers::default(),
            own_secrets,
            values_hidden: false.into(),
            exchanges: Mutex::default(),
        });
        Run { context, settings, started: Instant::now(), interrupted: self.interruptions.from_now() }
    }

    /// Ends a statement's accounts: what it cost, and its warnings, which `system.session.warnings` keeps.
    #[must_use]
    pub fn close(&self, answer: &Answer) -> Summary {
        let summary = answer.summary();
        self.state.keep_warnings(summary.statement, &summary.warnings);
        summary
    }

    /// The warnings of a statement that has ended, by its number.
    #[must_use]
    pub fn warnings_of(&self, statement: u64) -> Vec<String> {
        let all = self.state.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(number, _)| *number == statement).map(|(_, text)| text.clone()).collect()
    }

    /// Asks a write under way to send nothing more: no further call, and no call again. Reads are stopped by dropping their rows.
    pub fn interrupt(&self) {
        self.interruptions.speak();
    }

    fn begin_progress(&self) -> Progress {
        let mut current = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Progress::default();
        current.clone()
    }

    /// How many statements have begun; the number of the last.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How far the reads of the statement that began last have come.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).reached()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.state.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `USE`: provider, and service where one was named.
    #[must_use]
    pub fn in_use(&self) -> Vec<String> {
        self.state.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What exists.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Keeps the session's secrets out of a text.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Every request so far.
    #[must_use]
    pub fn log(&self) -> &RequestLog {
        self.client.log()
    }

    /// Names under this session's USE and tables.
    fn with_names<T>(&self, act: impl FnOnce(&Names<'_>) -> Result<T>) -> Result<T> {
        let in_use = self.in_use();
        let own_names = self.engine.own_tables();
        let own = |name: &str| own_names.iter().any(|n| n == name);
        // `_` is no name that somebody meant to type otherwise.
        let named: Vec<String> = own_names.iter().filter(|name| *name != LAST).cloned().collect();
        act(&Names { registry: &self.registry, in_use: &in_use, own: &own, own_names: &named })
    }

    fn use_(&self, run: &Run, name: &[Ident]) -> Result<Answer> {
        let [provider, service @ ..] = name else {
            return Err(Error::statement("USE needs a provider, or provider.service"));
        };
        let at = |error: Error, ident: &Ident| match crate::plan::place(ident) {
            Some(place) => error.at(place),
            None => error,
        };
        let mut in_use = vec![self.registry.provider(&provider.value).map_err(|e| at(e, provider))?.name.clone()];
        match service {
            [] => {}
            [service] => {
                let found = self.registry.service(&provider.value, &service.value).map_err(|e| at(e, service))?;
                in_use.push(found.name.clone());
            }
            _ => return Err(Error::statement("USE takes a provider, or provider.service")),
        }
        let message = format!("using {}", in_use.join("."));
        *self.state.in_use.write().unwrap_or_else(PoisonError::into_inner) = in_use;
        Ok(Answer::done(run, message))
    }
}

/// One statement under way.
pub(crate) struct Run {
    pub(crate) context: Arc<StatementContext>,
    pub(crate) settings: Settings,
    pub(crate) started: Instant,
    /// Whether it was interrupted since it began.
    interrupted: Halt,
}
