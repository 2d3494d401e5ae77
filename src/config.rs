//! Settings from outside: the environment over `--env-file` over `.env.local` over `.env`.
//!
//! Flags come above all of these and are the commands' business. Files are read into a map; the process's environment
//! is never changed. A value is never shown: not in `Debug`, and not in the error about a line that cannot be read.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

/// The template that `init` writes, with every setting and what it means.
pub const TEMPLATE: &str = include_str!("../.env.example");

/// All settings that were found.
#[derive(Clone, Default)]
pub struct Config {
    values: BTreeMap<String, SecretString>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{0}`")]
    Read(PathBuf, #[source] io::Error),
    /// A line makes no sense. The line itself may hold a secret and is not repeated.
    #[error("cannot read `{path}`: line {line} is not NAME='value'")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, the first being 1.
        line: usize,
    },
}

impl Config {
    /// Reads the settings of a folder, with those of the environment over them.
    ///
    /// # Errors
    /// When a file that is there cannot be read, or `env_file` is not there.
    pub fn load(
        folder: &Path,
        env_file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for path in [folder.join(".env"), folder.join(".env.local")] {
            match fs::read(&path) {
                Ok(bytes) => config.add_file(&path, &bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ConfigError::Read(path, error)),
            }
        }
        if let Some(path) = env_file {
            let bytes =
                fs::read(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
            config.add_file(path, &bytes)?;
        }
        for (name, value) in environment {
            if name.starts_with("EXOTEL_") || name.starts_with("EXOCAMP_") {
                config.values.insert(name, value.into());
            }
        }
        Ok(config)
    }

    fn add_file(&mut self, path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        for pair in dotenvy::from_read_iter(bytes) {
            let (name, value) = pair.map_err(|error| Self::without_secrets(path, bytes, error))?;
            self.values.insert(name, value.into());
        }
        Ok(())
    }

    fn without_secrets(path: &Path, bytes: &[u8], error: dotenvy::Error) -> ConfigError {
        match error {
            dotenvy::Error::LineParse(text, _) => {
                let first = text.lines().next().unwrap_or_default().trim();
                let found = String::from_utf8_lossy(bytes)
                    .lines()
                    .position(|line| line.trim() == first);
                ConfigError::Line {
                    path: path.to_owned(),
                    line: found.map_or(1, |index| index + 1),
                }
            }
            dotenvy::Error::Io(error) => ConfigError::Read(path.to_owned(), error),
            _ => ConfigError::Line {
                path: path.to_owned(),
                line: 1,
            },
        }
    }

    /// Returns a setting; one that is empty counts as not set.
    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        self.values
            .get(name)
            .filter(|value| !value.expose_secret().trim().is_empty())
    }

    /// Returns a setting that may be shown.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.secret(name).map(|value| value.expose_secret().trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        pairs.into_iter()
    }

    #[test]
    fn the_nearest_setting_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        file(
            ".env",
            "\u{feff}EXOTEL_AUTH_KEY=env\nEXOTEL_AUTH_TOKEN='a$b'\nEXOTEL_URL=env\nEXOCAMP_DB=env\n",
        );
        file(".env.local", "EXOTEL_URL=local\nEXOCAMP_DB=local\n");
        file("other", "EXOCAMP_DB=other\nEXOCAMP_USER=other\n");
        let other = folder.path().join("other");
        let outside = environment(&[
            ("EXOCAMP_USER", "outside"),
            ("HOME", "/nowhere"),
            ("EXOTEL_SUBDOMAIN", " "),
        ]);
        let config = Config::load(folder.path(), Some(&other), outside).unwrap();
        for (name, value) in [
            ("EXOTEL_AUTH_KEY", Some("env")),
            ("EXOTEL_AUTH_TOKEN", Some("a$b")),
            ("EXOTEL_URL", Some("local")),
            ("EXOCAMP_DB", Some("other")),
            ("EXOCAMP_USER", Some("outside")),
            ("EXOTEL_SUBDOMAIN", None),
            ("HOME", None),
        ] {
            assert_eq!(config.text(name), value, "{name}");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join(".env"),
            "A=1\nEXOTEL_AUTH_TOKEN='canary-token\n",
        )
        .unwrap();
        let error = Config::load(folder.path(), None, environment(&[])).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn values_are_not_shown() {
        let config = Config::load(
            Path::new("/nowhere"),
            None,
            environment(&[("EXOTEL_AUTH_TOKEN", "canary")]),
        )
        .unwrap();
        let shown = format!("{config:?}");
        assert!(
            shown.contains("EXOTEL_AUTH_TOKEN") && !shown.contains("canary"),
            "{shown}"
        );
    }

    #[test]
    fn the_template_can_be_read_back() {
        let mut config = Config::default();
        config
            .add_file(Path::new(".env.example"), TEMPLATE.as_bytes())
            .unwrap();
        assert_eq!(config.text("EXOTEL_SUBDOMAIN"), Some("api.exotel.com"));
        assert_eq!(config.text("EXOTEL_AUTH_KEY"), None);
    }
}
