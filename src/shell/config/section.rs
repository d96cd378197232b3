//! The keys of a configuration file and of each of its profiles. Owns their names and forms. What a setting's value may be
//! is the session's to say.

use std::path::PathBuf;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::file::{Entry, Page};
use crate::error::{Place, Result, nearest};
use crate::session::{Account, Origin, settings_table};

/// What a part of the file says.
#[derive(Debug, Default)]
pub struct Section {
    /// Name, value and place, as they stand there.
    pub settings: Vec<(String, String, Place)>,
    /// Settings of the engine.
    pub engine: Vec<(String, String)>,
    /// Folders of providers.
    pub registries: Vec<PathBuf>,
    /// Ways to providers, then catalogs.
    pub accounts: Vec<Account>,
}

/// Keys that are no settings of the session.
pub const KEYS: [&str; 6] = ["output", "timing", "registry", "providers", "catalogs", "datafusion"];

/// Keys of a way to a provider.
const WAY: [&str; 4] = ["provider", "base_url", "credentials", "defaults"];

/// Keys under which people keep secrets.
const SECRETS: [&str; 14] = [
    "token",
    "api_token",
    "access_token",
    "bearer",
    "key",
    "api_key",
    "apikey",
    "api_secret",
    "secret",
    "secret_key",
    "client_secret",
    "private_key",
    "password",
    "passwd",
];

impl Section {
    /// Takes one key. `others` are keys that stand beside it, for who mistypes one.
    pub fn take(&mut self, page: &Page<'_>, entry: Entry<'_, '_>, others: &[&'static str]) -> Result<()> {
        let (key, value) = entry;
        let name = key.get_ref().as_ref();
        match name {
            "registry" => self.registries.extend(folders(page, entry)?),
            "datafusion" => {
                for inner in table(page, entry)? {
                    engine(page, "datafusion", inner, &mut self.engine)?;
                }
            }
            "providers" => {
                for inner in table(page, entry)? {
                    self.accounts.push(account(page, inner, false)?);
                }
            }
            "catalogs" => {
                for inner in table(page, entry)? {
                    self.accounts.push(account(page, inner, true)?);
                }
            }
            "allow_unfiltered" => {
                return Err(page.wrong(key.span().start, "`allow_unfiltered` does not stand in a file").hint(
                    "it would take the guard away from every statement; SET allow_unfiltered = on stands before the one",
                ));
            }
            _ if name == "output" || name == "timing" || settings_table().iter().any(|known| known.name == name) => {
                self.settings.push((name.to_owned(), scalar(page, entry)?, page.place(value.span().start)));
            }
            _ => {
                let settings = settings_table().iter().map(|known| known.name);
                let all = settings.chain(KEYS).chain(others.iter().copied());
                return Err(unknown(page, key.span().start, name, all));
            }
        }
        Ok(())
    }
}

/// A way to a provider, or a catalog.
fn account(page: &Page<'_>, entry: Entry<'_, '_>, catalog: bool) -> Result<Account> {
    let name = entry.0.get_ref().to_string();
    let at = entry.0.span().start;
    let mut account = Account {
        provider: if catalog { String::new() } else { name.clone() },
        name,
        base_url: None,
        credentials: None,
        defaults: Vec::new(),
        origin: Origin::File,
        place: page.place(at),
    };
    for inner in table(page, entry)? {
        let (key, value) = inner;
        match key.get_ref().as_ref() {
            "provider" if catalog => account.provider = text(page, inner)?,
            "base_url" => {
                let url = text(page, inner)?;
                if !url.starts_with("https://") && !url.starts_with("http://") {
                    return Err(page.wrong(value.span().start, "`base_url` begins with https:// or http://"));
                }
                account.base_url = Some(url);
            }
            "credentials" => account.credentials = Some(credentials(page, inner)?),
            "defaults" => {
                for default in table(page, inner)? {
                    parameters(page, "", default, &mut account.defaults)?;
                }
            }
            other => {
                let names = WAY.into_iter().filter(|name| catalog || *name != "provider");
                return Err(unknown(page, key.span().start, other, names));
            }
        }
    }
    if catalog && account.provider == account.name {
        let (name, table) = (&account.name, "providers");
        return Err(
            page.wrong(at, format!("`{name}` is the provider itself; [{table}.{name}] describes the way to it"))
        );
    }
    if account.provider.is_empty() {
        return Err(page.wrong(at, format!("the catalog `{}` says no `provider`", account.name)));
    }
    Ok(account)
}

/// `parameter`, or `service.parameter`.
fn parameters(
    page: &Page<'_>,
    before: &str,
    entry: Entry<'_, '_>,
    all: &mut Vec<(String, String, Place)>,
) -> Result<()> {
    let name = format!("{before}{}", entry.0.get_ref());
    match entry.1.get_ref() {
        DeValue::Table(inner) if before.is_empty() => {
            for entry in inner {
                parameters(page, &format!("{name}."), entry, all)?;
            }
        }
        _ => all.push((name, scalar(page, entry)?, page.place(entry.0.span().start))),
    }
    Ok(())
}

/// Where credentials are found. What looks like one of them itself is refused, and never shown.
fn credentials(page: &Page<'_>, entry: Entry<'_, '_>) -> Result<Value> {
    let DeValue::Table(keys) = entry.1.get_ref() else {
        return Err(page.wrong(entry.1.span().start, "no secret stands in this file").hint(
            "credentials = { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"program\"] } says where it is",
        ));
    };
    json_table(page, keys)
}

fn json_table(page: &Page<'_>, keys: &DeTable<'_>) -> Result<Value> {
    let mut object = serde_json::Map::new();
    for (key, value) in keys {
        refuse_secret(page, key.span().start, key.get_ref())?;
        let value = match value.get_ref() {
            DeValue::Table(inner) => json_table(page, inner)?,
            DeValue::Array(items) => {
                items.iter().map(|item| scalar(page, (key, item)).map(Value::from)).collect::<Result<_>>()?
            }
            DeValue::Integer(number) => number.as_str().parse::<i64>().map_or(Value::Null, Value::from),
            _ => Value::from(scalar(page, (key, value))?),
        };
        object.insert(key.get_ref().to_string(), value);
    }
    Ok(Value::Object(object))
}

fn refuse_secret(page: &Page<'_>, at: usize, name: &str) -> Result<()> {
    match SECRETS.contains(&name.to_lowercase().as_str()) {
        true => Err(page.wrong(at, format!("`{name}` would be a secret, and no secret stands in this file")).hint(
            "credentials = { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"program\"] } says where it is",
        )),
        false => Ok(()),
    }
}

fn engine(page: &Page<'_>, before: &str, entry: Entry<'_, '_>, all: &mut Vec<(String, String)>) -> Result<()> {
    let name = format!("{before}.{}", entry.0.get_ref());
    match entry.1.get_ref() {
        DeValue::Table(inner) => inner.iter().try_for_each(|entry| engine(page, &name, entry, all)),
        _ => {
            all.push((name, scalar(page, entry)?));
            Ok(())
        }
    }
}

fn folders(page: &Page<'_>, entry: Entry<'_, '_>) -> Result<Vec<PathBuf>> {
    let path = |text: String| super::path_from(page.path, page.home, &text);
    match entry.1.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| text(page, (entry.0, item)).map(path)).collect(),
        _ => text(page, entry).map(|text| vec![path(text)]),
    }
}

/// The table at a key.
pub fn table<'a, 'i>(page: &Page<'_>, (key, value): Entry<'a, 'i>) -> Result<&'a DeTable<'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(page.wrong(value.span().start, format!("`{}` is a table: names with values", key.get_ref()))),
    }
}

/// The text at a key.
pub fn text(page: &Page<'_>, (key, value): Entry<'_, '_>) -> Result<String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err(page.wrong(value.span().start, format!("`{}` is a text, in quotes", key.get_ref()))),
    }
}

/// A text, number or switch, as SET would have it.
fn scalar(page: &Page<'_>, (key, value): Entry<'_, '_>) -> Result<String> {
    Ok(match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(switch) => switch.to_string(),
        _ => {
            let what = format!("`{}` is one value: a text, a number, true or false", key.get_ref());
            return Err(page.wrong(value.span().start, what));
        }
    })
}

fn unknown<'a>(page: &Page<'_>, at: usize, name: &str, names: impl Iterator<Item = &'a str>) -> crate::error::Error {
    if let Err(error) = refuse_secret(page, at, name) {
        return error;
    }
    let names: Vec<&str> = names.collect();
    let error = page.wrong(at, format!("there is no key `{name}` here"));
    error.hint(match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    })
}
