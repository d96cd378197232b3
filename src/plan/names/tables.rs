//! Names of tables in a statement, resolved before planning: `USE`, did-you-mean with the place of the name, and
//! which resources the statement reads. Knows the registry and sqlparser's trees; plans nothing.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Select, TableFactor, VisitMut, VisitorMut};

use super::views::expand;
use crate::error::{Error, Place, Result, nearest};
use crate::registry::{Registry, Resource};

/// The catalog of the session's own tables and views.
pub const OWN_CATALOG: &str = "memory";
/// The schema of the session's own tables and views.
pub const OWN_SCHEMA: &str = "main";
/// The catalog of weir's own tables.
pub const SYSTEM_CATALOG: &str = "system";

/// More views than this in one statement are a circle.
const MOST_VIEWS: usize = 100;

/// What names are looked up in.
pub struct Names<'a> {
    /// Providers, services and resources.
    pub registry: &'a Registry,
    /// `USE`: the provider, and the service where one was named.
    pub in_use: &'a [String],
    /// Tables and views of the session.
    pub own: &'a dyn Fn(&str) -> bool,
    /// Their names, for did-you-mean.
    pub own_names: &'a [String],
}

/// What a statement reads.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Resources, each once.
    pub resources: Vec<Arc<Resource>>,
    /// Some table is a file.
    pub files: bool,
    /// Views of documents whose queries took their places.
    pub views: Vec<Arc<Resource>>,
}

/// Where an identifier stands in its statement.
#[must_use]
pub fn place(ident: &Ident) -> Option<Place> {
    let start = ident.span.start;
    (start.line > 0).then_some(Place { file: None, line: start.line, column: start.column })
}

fn at(error: Error, ident: Option<&Ident>) -> Error {
    match ident.and_then(place) {
        Some(place) => error.at(place),
        None => error,
    }
}

impl Names<'_> {
    /// Qualifies the tables of `node`, and lists what it reads.
    ///
    /// # Errors
    /// For a name that is nothing, with its place and what was probably meant.
    pub fn resolve<T: VisitMut>(&self, node: &mut T) -> Result<Resolved> {
        self.visited(node, false)
    }

    /// The same for a statement in which something else takes the place of the first relation, which is no view's query
    /// then.
    ///
    /// # Errors
    /// As [`resolve`](Names::resolve).
    pub fn resolve_instead<T: VisitMut>(&self, node: &mut T) -> Result<Resolved> {
        self.visited(node, true)
    }

    fn visited<T: VisitMut>(&self, node: &mut T, first_stays: bool) -> Result<Resolved> {
        let mut visitor = Tables { names: self, ctes: Vec::new(), found: Resolved::default(), first_stays };
        match VisitMut::visit(node, &mut visitor) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(visitor.found),
        }
    }

    /// The resource that `parts` name: `provider.service.resource`, or less under USE.
    ///
    /// # Errors
    /// When there is none.
    pub fn resource(&self, parts: &[Ident]) -> Result<Arc<Resource>> {
        match self.look_up(parts)? {
            Some(resource) => Ok(resource),
            None => {
                let name = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
                Err(at(
                    Error::statement(format!("`{name}` is no table of a provider"))
                        .hint("its name is provider.service.resource; SHOW PROVIDERS begins the way there"),
                    parts.first(),
                ))
            }
        }
    }

    /// The resource, or None for a table of the session or the system.
    fn look_up(&self, parts: &[Ident]) -> Result<Option<Arc<Resource>>> {
        match (parts, self.in_use) {
            ([provider, ..], _) if parts.len() > 1 && is_own(provider) => Ok(None),
            ([provider, service, table], _) => self.full(provider, service, table).map(Some),
            ([service, table], [provider, ..]) if self.has_service(provider, &service.value) => {
                self.full(&Ident::new(provider), service, table).map(Some)
            }
            ([service, table], _) => Err(self.half(service, table)),
            ([table], [provider, service, ..]) => {
                let loaded = self.registry.service(provider, service)?;
                match by_name(loaded.resources.iter(), |r| &r.name, table) {
                    Some(entry) => {
                        self.registry.resource(provider, service, &entry.name).map(Some).map_err(|e| at(e, Some(table)))
                    }
                    None if (self.own)(&folded(table)) => Ok(None),
                    None => Err(self.bare(table)),
                }
            }
            ([table], _) if (self.own)(&folded(table)) => Ok(None),
            ([table], _) => Err(self.bare(table)),
            _ => Err(at(Error::statement("a table's name has one to three parts"), parts.first())),
        }
    }

    fn full(&self, provider: &Ident, service: &Ident, table: &Ident) -> Result<Arc<Resource>> {
        let known = by_name(self.registry.providers(), |p| &p.name, provider);
        let known = match known {
            Some(known) => known.clone(),
            None => self.registry.provider(&provider.value).map_err(|e| at(e, Some(provider)))?,
        };
        let entry = by_name(known.services.iter(), |s| &s.name, service).map_or(&service.value, |s| &s.name);
        let loaded = self.registry.service(&known.name, entry).map_err(|e| at(e, Some(service)))?;
        let name = by_name(loaded.resources.iter(), |r| &r.name, table).map_or(&table.value, |r| &r.name);
        self.registry.resource(&known.name, entry, name).map_err(|e| at(e, Some(table)))
    }

    fn has_service(&self, provider: &str, service: &str) -> bool {
        let provider = self.registry.provider(provider);
        provider.is_ok_and(|p| p.services.iter().any(|s| s.name.eq_ignore_ascii_case(service)))
    }

    /// `service.table` without a provider in use.
    fn half(&self, service: &Ident, table: &Ident) -> Error {
        let provider = self.registry.providers().find(|p| p.services.iter().any(|s| s.name == service.value));
        let error = Error::statement(format!("there is no table `{}.{}`", service.value, table.value));
        let error = match provider {
            Some(p) => error.hint(format!(
                "did you mean `{0}.{1}.{2}`? After USE {0} it is found without the provider",
                p.name, service.value, table.value
            )),
            None => match nearest(&service.value, self.registry.providers().map(|p| p.name.as_str())) {
                Some(near) => {
                    error.hint(format!("did you mean `{near}.{}`? Names are provider.service.table", table.value))
                }
                None => error.hint("names are provider.service.table; SHOW PROVIDERS lists the providers"),
            },
        };
        at(error, Some(service))
    }

    fn bare(&self, table: &Ident) -> Error {
        let in_service = match self.in_use {
            [provider, service, ..] => self.registry.service(provider, service).ok(),
            _ => None,
        };
        let resources = in_service.iter().flat_map(|s| &s.resources).map(|r| r.name.as_str());
        let near = nearest(&table.value, resources.chain(self.own_names.iter().map(String::as_str)));
        let error = Error::statement(format!("there is no table `{}`", table.value));
        let error = match (near, self.in_use) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, [provider, service, ..]) => error.hint(format!("SHOW RESOURCES IN {provider}.{service} lists them")),
            (None, _) => error.hint(
                "a provider's table is named provider.service.table; SHOW PROVIDERS lists the providers, and USE \
                 provider.service allows bare names",
            ),
        };
        at(error, Some(table))
    }
}

fn is_own(catalog: &Ident) -> bool {
    [OWN_CATALOG, OWN_SCHEMA, SYSTEM_CATALOG, "information_schema"].contains(&folded(catalog).as_str())
}

/// The identifier as the engine folds it: unquoted ones in lower case.
#[must_use]
pub fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The item whose name is exactly the identifier's, or, unquoted, equals it but for case.
fn by_name<'a, T: 'a>(
    items: impl Iterator<Item = &'a T> + Clone,
    name: impl Fn(&T) -> &String,
    ident: &Ident,
) -> Option<&'a T> {
    let exact = items.clone().find(|item| *name(item) == ident.value);
    exact.or_else(|| {
        let mut items = items;
        let fold = ident.quote_style.is_none();
        items.find(|item| fold && name(item).eq_ignore_ascii_case(&ident.value))
    })
}

/// The identifiers of an object's name.
#[must_use]
pub fn idents(name: &ObjectName) -> Vec<Ident> {
    name.0
        .iter()
        .filter_map(|part| if let ObjectNamePart::Identifier(i) = part { Some(i.clone()) } else { None })
        .collect()
}

struct Tables<'a> {
    names: &'a Names<'a>,
    /// Names of the CTEs of the queries around, innermost last.
    ctes: Vec<Vec<String>>,
    found: Resolved,
    /// The first relation of the next SELECT is no view.
    first_stays: bool,
}

impl Tables<'_> {
    fn table(&mut self, name: &mut ObjectName) -> Result<()> {
        let parts = idents(name);
        if let [only] = parts.as_slice() {
            let is_cte = self.ctes.iter().flatten().any(|cte| *cte == folded(only));
            if is_file(only) {
                self.found.files = true;
                check_file(only)?;
            }
            if is_cte || is_file(only) {
                return Ok(());
            }
        }
        if let Some(resource) = self.names.look_up(&parts)? {
            let full = [&resource.provider, &resource.service, &resource.name];
            // The span stays, for errors that come later.
            let quoted = full.map(|part| {
                let mut ident = Ident::with_quote('"', part);
                ident.span = parts.last().map_or(ident.span, |p| p.span);
                ObjectNamePart::Identifier(ident)
            });
            *name = ObjectName(quoted.to_vec());
            if !self.found.resources.iter().any(|known| known.full_name() == resource.full_name()) {
                self.found.resources.push(resource);
            }
        }
        Ok(())
    }
}

/// A file: quoted, or with a path's marks in its name.
pub(super) fn is_file(ident: &Ident) -> bool {
    ident.quote_style.is_some() && ident.value.contains(['.', '/'])
}

/// A slip in a file's name should not read as a slip in a table's.
fn check_file(ident: &Ident) -> Result<()> {
    let name = &ident.value;
    if name.contains("://") || name.contains(['*', '?', '[']) || std::path::Path::new(name).exists() {
        return Ok(());
    }
    Err(at(
        Error::statement(format!("there is no file `{name}`"))
            .hint("names of files are relative to the folder that weir was started in"),
        Some(ident),
    ))
}

impl Tables<'_> {
    /// Puts the queries of views in their places; what stands in them is visited after that.
    fn views(&mut self, select: &mut Select) -> Result<()> {
        let first = select.from.first().filter(|_| std::mem::take(&mut self.first_stays));
        let stays = first.and_then(|from| match &from.relation {
            TableFactor::Table { name, .. } => Some(name.clone()),
            _ => None,
        });
        let find = |name: &ObjectName| {
            if stays.as_ref() == Some(name) {
                return None;
            }
            let parts = idents(name);
            let is_cte =
                matches!(parts.as_slice(), [only] if self.ctes.iter().flatten().any(|cte| *cte == folded(only)));
            self.names.look_up(&parts).ok().flatten().filter(|_| !is_cte)
        };
        let found = expand(select, &find)?;
        self.found.views.extend(found);
        if self.found.views.len() > MOST_VIEWS {
            return Err(Error::statement(
                "views name each other without an end, or are more than a statement can hold",
            ));
        }
        Ok(())
    }
}

impl VisitorMut for Tables<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        match self.views(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.push(tables.map(|cte| folded(&cte.alias.name)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.ctes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { name, args: None, .. } => match self.table(name) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}
