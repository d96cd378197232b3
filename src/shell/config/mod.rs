//! What holds for a session before its first statement: defaults, the configuration file, its profile, the environment and
//! the command line, the later over the earlier. Owns that order. Must not know what a setting means.

mod file;
mod section;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::args::{Common, Surroundings};
use crate::error::{Error, Kind, Result, nearest};
use crate::output::Format;
use crate::session::{Account, Origin, Settings, settings_table};
use file::File;
use section::Section;

/// All that was said outside of statements.
#[derive(Debug)]
pub struct Setup {
    /// The profile in force.
    pub profile: Option<String>,
    /// Settings at the start.
    pub settings: Settings,
    /// Folders of providers.
    pub registries: Vec<PathBuf>,
    /// Ways to providers, and catalogs.
    pub accounts: Vec<Account>,
    /// How results are printed, where the command line does not say it.
    pub output: Option<Format>,
    /// Say what each statement cost.
    pub timing: bool,
}

/// Everything together. `profile` is the one that was asked for in the shell; else the command line says it, the
/// environment, or the file.
///
/// # Errors
/// When the file cannot be used, there is no such profile, or a value does not fit.
pub fn setup(common: &Common, around: &Surroundings, profile: Option<&str>) -> Result<Setup> {
    let file = read(common, around)?;
    let named = profile.map(str::to_owned).or_else(|| common.profile.clone());
    let named = named.or_else(|| set(&around.variables, "WEIR_PROFILE").cloned());
    let chosen = match (&named, &file) {
        (Some(name), None) => return Err(no_file(name, common, around)),
        (Some(name), Some(file)) => Some((name.clone(), file.profile(name)?)),
        (None, Some(File { default_profile: Some((name, place)), .. })) => {
            let found = file.as_ref().map(|file| file.profile(name)).transpose();
            found.map_err(|error| error.at(place.clone()))?.map(|section| (name.clone(), section))
        }
        (None, _) => None,
    };
    let mut setup = Setup {
        profile: chosen.as_ref().map(|(name, _)| name.clone()),
        settings: Settings::default(),
        registries: Vec::new(),
        accounts: Vec::new(),
        output: None,
        timing: false,
    };
    if let Some(file) = &file {
        setup.take(&file.base, &Origin::File)?;
    }
    if let Some((name, section)) = chosen {
        setup.take(section, &Origin::Profile(name))?;
    }
    setup.take_environment(&around.variables)?;
    setup.take_arguments(common)?;
    if common.sandbox {
        setup.stay_inside();
    }
    Ok(setup)
}

/// The names of the profiles there are, and the file they stand in.
pub fn profiles(common: &Common, around: &Surroundings) -> Result<Vec<String>> {
    let file = read(common, around)?;
    Ok(file.map(|file| file.profiles.into_iter().map(|(name, _)| name).collect()).unwrap_or_default())
}

/// The file that is named, which must be there; else the one at its usual place, which need not.
fn read(common: &Common, around: &Surroundings) -> Result<Option<File>> {
    let named = common.config.clone().or_else(|| set(&around.variables, "WEIR_CONFIG").map(PathBuf::from));
    let Some(path) = named.as_ref().or(around.config.as_ref()) else { return Ok(None) };
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = super::command::read(path)?;
    File::read(path, &text, around.home.as_deref()).map(Some)
}

fn set<'a>(variables: &'a HashMap<String, String>, name: &str) -> Option<&'a String> {
    variables.get(name).filter(|value| !value.is_empty())
}

fn no_file(profile: &str, common: &Common, around: &Surroundings) -> Error {
    let place = common.config.as_deref().or(around.config.as_deref());
    let error = Error::new(Kind::Usage, format!("there is no profile `{profile}`: there is no configuration file"));
    error.hint(match place {
        Some(path) => format!("profiles stand in {}, or in a file that --config names", path.display()),
        None => "--config FILE names one".to_owned(),
    })
}

impl File {
    fn profile(&self, name: &str) -> Result<&Section> {
        let found = self.profiles.iter().find(|(known, _)| known == name);
        found.map(|(_, section)| section).ok_or_else(|| {
            let names = self.profiles.iter().map(|(name, _)| name.as_str());
            let error = Error::new(Kind::Usage, format!("there is no profile `{name}` in {}", self.name));
            let all: Vec<&str> = names.clone().collect();
            error.hint(match (nearest(name, names), all.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => format!("[profiles.{name}] begins one"),
                (None, false) => format!("there are {}", all.join(", ")),
            })
        })
    }
}

impl Setup {
    /// A setting; what is read-only stays so, whoever says otherwise.
    fn put(&mut self, name: &str, value: &str, origin: &Origin) -> Result<()> {
        let before = self.settings.clone();
        self.settings.put_from(name, value, origin.clone())?;
        if before.read_only && !self.settings.read_only {
            self.settings = before;
        }
        Ok(())
    }

    fn take(&mut self, section: &Section, origin: &Origin) -> Result<()> {
        for (name, value, place) in &section.settings {
            let told = |error: Error| {
                let told = Error::new(Kind::Usage, error.message()).at(place.clone());
                error.hint_text().into_iter().fold(told, Error::hint)
            };
            match name.as_str() {
                "output" => self.output = Some(value.parse().map_err(told)?),
                "timing" => {
                    self.timing = switch(value).ok_or_else(|| {
                        Error::new(Kind::Usage, format!("timing = '{value}' is not on or off")).at(place.clone())
                    })?;
                }
                _ => self.put(name, value, origin).map_err(told)?,
            }
        }
        for (name, value) in &section.engine {
            self.settings.put_engine(name, value, origin.clone());
        }
        self.registries.extend(section.registries.iter().cloned());
        for account in &section.accounts {
            if account.name != account.provider {
                // Half of one catalog and half of another would be neither.
                self.accounts.retain(|known| known.name != account.name);
            }
            self.accounts.push(Account { origin: origin.clone(), ..account.clone() });
        }
        Ok(())
    }

    fn take_environment(&mut self, variables: &HashMap<String, String>) -> Result<()> {
        for known in settings_table() {
            let Some(variable) = known.variable() else { continue };
            let Some(value) = set(variables, &variable) else { continue };
            let origin = Origin::Environment(variable.clone());
            self.put(known.name, value, &origin).map_err(|error| renamed(&error, known.name, &variable))?;
        }
        if let Some(value) = set(variables, "WEIR_OUTPUT") {
            self.output = Some(value.parse().map_err(|error: Error| {
                let told = Error::new(Kind::Usage, format!("WEIR_OUTPUT: {}", error.message()));
                error.hint_text().into_iter().fold(told, Error::hint)
            })?);
        }
        if let Some(value) = set(variables, "WEIR_TIMING") {
            self.timing = switch(value)
                .ok_or_else(|| Error::new(Kind::Usage, format!("WEIR_TIMING = '{value}' is not on or off")))?;
        }
        Ok(())
    }

    fn take_arguments(&mut self, common: &Common) -> Result<()> {
        for (name, value) in common.given() {
            let flag = format!("--{}", name_of_flag(name));
            let origin = Origin::Flag(flag.clone());
            self.put(name, &value, &origin).map_err(|error| renamed(&error, name, &flag))?;
        }
        self.timing |= common.timing;
        // What the command line adds comes last: of two documents of one service the later is taken.
        self.registries.extend(common.registry.iter().cloned());
        Ok(())
    }

    /// In the simulation nothing real has any business: neither credentials nor URLs nor the names of real things.
    fn stay_inside(&mut self) {
        for account in &mut self.accounts {
            account.base_url = None;
            account.credentials = None;
            account.defaults.clear();
        }
    }
}

fn name_of_flag(name: &str) -> String {
    settings_table().iter().find(|k| k.name == name).and_then(|k| k.flag).unwrap_or(name).to_owned()
}

/// The error of a setting, for someone who wrote `other` and not the setting's name.
fn renamed(error: &Error, name: &str, other: &str) -> Error {
    let told = Error::new(Kind::Usage, error.message().replacen(name, other, 1));
    error.hint_text().into_iter().fold(told, Error::hint)
}

fn switch(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A path as it stands in the file: from home, or from the file's own folder.
fn path_from(file: &Path, home: Option<&Path>, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().unwrap_or(Path::new("")).join(path),
    }
}
