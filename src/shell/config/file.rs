//! The text of a configuration file into its parts, each with its place. Owns TOML. Must not know what is in force.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{self, Section};
use crate::error::{Error, Kind, Place, Result};
use crate::sql::place_at;

/// A configuration file.
#[derive(Debug)]
pub struct File {
    /// As the user gave it.
    pub name: String,
    /// What holds whatever the profile.
    pub base: Section,
    /// The profile of those who name none.
    pub default_profile: Option<(String, Place)>,
    /// In the order of the alphabet.
    pub profiles: Vec<(String, Section)>,
}

/// The text being read, and where it is from.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    pub home: Option<&'a Path>,
}

/// Names and values, as they stand in the file.
pub type Entry<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl Page<'_> {
    /// Where a part of the text begins.
    pub fn place(&self, at: usize) -> Place {
        Place { file: Some(self.path.display().to_string()), ..place_at(self.text, at) }
    }

    /// What is wrong at a place.
    pub fn wrong(&self, at: usize, what: impl Into<String>) -> Error {
        Error::new(Kind::Usage, what).at(self.place(at))
    }
}

impl File {
    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// With the place; never with the line itself, which may hold what should not be there.
    pub fn read(path: &Path, text: &str, home: Option<&Path>) -> Result<File> {
        let page = Page { path, text, home };
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            page.wrong(at, format!("this is no TOML: {}", error.message().lines().next().unwrap_or_default()))
        })?;
        let mut file = File {
            name: path.display().to_string(),
            base: Section::default(),
            default_profile: None,
            profiles: vec![],
        };
        for (key, value) in root.get_ref() {
            match key.get_ref().as_ref() {
                "default_profile" => {
                    let name = section::text(&page, (key, value))?;
                    file.default_profile = Some((name, page.place(value.span().start)));
                }
                "profiles" => {
                    for (name, entry) in section::table(&page, (key, value))? {
                        let mut profile = Section::default();
                        for (key, value) in section::table(&page, (name, entry))? {
                            profile.take(&page, (key, value), &[])?;
                        }
                        file.profiles.push((name.get_ref().to_string(), profile));
                    }
                }
                _ => file.base.take(&page, (key, value), &["default_profile", "profiles"])?,
            }
        }
        file.profiles.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<File> {
        File::read(Path::new("/etc/w/config.toml"), text, Some(Path::new("/home/me")))
    }

    fn error(text: &str) -> String {
        let error = read(text).unwrap_err();
        format!("{} | {}", error, error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_file_is_settings_ways_and_profiles() {
        let file = read(
            "max_requests = 50\nregistry = [\"docs\", \"~/more\"]\ndefault_profile = \"work\"\n\
             [datafusion.execution]\nbatch_size = 10\n\
             [providers.acme]\nbase_url = \"https://eu.acme.test\"\ncredentials = { env = \"ACME_KEY\" }\n\
             defaults = { account_id = 5 }\n\
             [profiles.work]\nread_only = true\n[profiles.work.catalogs.acme_eu]\nprovider = \"acme\"\n",
        )
        .unwrap();
        let base: Vec<_> = file.base.settings.iter().map(|(n, v, p)| (n.as_str(), v.as_str(), p.line)).collect();
        assert_eq!(base, [("max_requests", "50", 1)]);
        assert_eq!(file.base.engine, [("datafusion.execution.batch_size".to_owned(), "10".to_owned())]);
        let folders: Vec<_> = file.base.registries.iter().map(|p| p.display().to_string()).collect();
        assert_eq!(folders, ["/etc/w/docs", "/home/me/more"]);
        let acme = &file.base.accounts[0];
        assert_eq!((acme.name.as_str(), acme.base_url.as_deref()), ("acme", Some("https://eu.acme.test")));
        assert_eq!((acme.defaults[0].0.as_str(), acme.defaults[0].1.as_str()), ("account_id", "5"));
        let (name, work) = &file.profiles[0];
        assert_eq!((name.as_str(), work.accounts[0].name.as_str()), ("work", "acme_eu"));
        assert_eq!(work.accounts[0].provider, "acme");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, said) in [
            ("max_request = 5", "config.toml:1:1"),
            ("max_request = 5", "did you mean `max_requests`?"),
            ("strict = true\nmax_requests = [1]\n", "config.toml:2:16"),
            ("[profiles.a]\n[profiles.a.profiles.b]\n", "config.toml:2:13"),
            ("[profiles.a.catalogs.b]\nbase_url = \"https://x\"\n", "`provider`"),
            ("[providers.a]\nprovider = \"b\"\n", "config.toml:2:1"),
            ("a = \n", "this is no TOML"),
            ("allow_unfiltered = true", "SET allow_unfiltered"),
        ] {
            assert!(error(text).contains(said), "{text}: {}", error(text));
        }
    }

    #[test]
    fn a_secret_in_the_file_is_refused_and_not_shown() {
        for text in [
            "[providers.a]\ntoken = \"tok-123456\"\n",
            "[providers.a]\ncredentials = \"tok-123456\"\n",
            "[profiles.p.catalogs.a]\nprovider = \"b\"\napi_key = \"tok-123456\"\n",
            "[providers.a.credentials]\ntype = \"bearer\"\npassword = \"tok-123456\"\n",
            "token = \"tok-123456\"\n",
            "token = \"tok-123456\n",
        ] {
            let error = error(text);
            assert!(!error.contains("tok-"), "{error}");
            assert!(error.contains("secret") || error.contains("no TOML"), "{error}");
        }
    }
}
