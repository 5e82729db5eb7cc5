//! Every setting: its name, its default, and how a value is found: flag, environment, config file, default.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::ArgMatches;

use crate::Failure;

/// One setting. Its flag is `--<name>`, its variable `HOLDFAST_<NAME>`, its key in the config file `<name>`.
pub struct Setting {
    /// In lower case, words joined by `-`.
    pub name: &'static str,
    /// What stands for the value in `--help`.
    pub value_name: &'static str,
    /// Empty: none.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    /// Has no flag, since command lines can be read by others, and is never printed.
    pub secret: bool,
}

const fn setting(
    name: &'static str,
    value_name: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, value_name, default, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, value_name: "TEXT", default: "", help, secret: true }
}

/// All settings, in the order in which `--help` and `holdfast config` show them.
pub const SETTINGS: &[Setting] = &[
    setting("data", "DIR", "./holdfast-data", "Directory of everything that is stored"),
    setting("s3", "ADDR", "127.0.0.1:9000", "Where S3 answers; port 0 takes a free one"),
    setting("master", "ADDR", "127.0.0.1:9333", "Where the master answers; loopback only"),
    setting("volume", "ADDR", "127.0.0.1:8080", "Where the volume server answers; loopback only"),
    setting(
        "metadata",
        "URL",
        "embedded",
        "The namespace: embedded, or postgres://user:password@host/database",
    ),
    setting(
        "durability",
        "LEVEL",
        "disk",
        "What a 200 means: disk (synced) or memory (survives a killed process)",
    ),
    setting("region", "NAME", "us-east-1", "The region that requests are signed for"),
    setting("domain", "NAMES", "", "Domains of virtual-hosted buckets, separated by commas"),
    setting("chunk-size", "BYTES", "8MiB", "Bytes of one needle of a large object"),
    setting("buffer-budget", "BYTES", "128MiB", "Memory for the chunks of all requests under way"),
    setting("volume-size-limit", "BYTES", "30000MiB", "A volume of this size takes no new needles"),
    setting(
        "offset-width",
        "BYTES",
        "4",
        "Offsets of new volumes: 4 (to 32 GiB), or 5 (to 8 TiB, as weed's large-disk build)",
    ),
    setting("max-volumes", "COUNT", "auto", "Volumes at most; auto: what the disk holds"),
    setting("reap-delay", "SPAN", "60s", "How long deleted bytes stay readable for requests under way"),
    setting("log", "FILTER", "info", "What is logged: error, warn, info, debug, or a tracing filter"),
    setting("log-format", "FORM", "text", "text or json, to standard error"),
    secret("root-access-key", "The root account's access key"),
    secret("root-secret-key", "The root account's secret key"),
];

impl Setting {
    /// The environment variable.
    pub fn environment(&self) -> String {
        format!("HOLDFAST_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `--name`
    Flag,
    /// `HOLDFAST_NAME`
    Environment(String),
    /// The config file.
    File(PathBuf),
    /// The table above.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Every setting's value as a text, and where it came from.
pub struct Resolved {
    values: BTreeMap<&'static str, (String, Source)>,
}

impl Resolved {
    /// From the flags of a command, this process's environment and the config file.
    pub fn read(flags: &ArgMatches) -> Result<Self, Failure> {
        let environment = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let path = flags.get_one::<String>("config").cloned().or_else(|| environment("HOLDFAST_CONFIG"));
        let file = match path {
            None => None,
            Some(path) => Some(ConfigFile::read(Path::new(&path))?),
        };
        let flag = |name: &str| flags.try_get_one::<String>(name).ok().flatten().cloned();
        Self::layer(flag, environment, file.as_ref())
    }

    fn layer(
        flag: impl Fn(&str) -> Option<String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<&ConfigFile>,
    ) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            values.insert(setting.name, find(setting, &flag, &environment, file)?);
        }
        Ok(Self { values })
    }

    /// A value, parsed; the error names the setting and its source.
    pub fn get<T>(&self, name: &str) -> Result<T, Failure>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let (text, source) = self.raw(name);
        text.parse().map_err(|error| format!("setting {name} = {text:?} ({source}): {error}").into())
    }

    /// A value as it was given; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).0
    }

    /// A value and its source.
    pub fn raw(&self, name: &str) -> (&str, &Source) {
        self.values.get(name).map_or(("", &Source::Default), |(text, source)| (text, source))
    }
}

fn find(
    setting: &Setting,
    flag: &impl Fn(&str) -> Option<String>,
    environment: &impl Fn(&str) -> Option<String>,
    file: Option<&ConfigFile>,
) -> Result<(String, Source), Failure> {
    if let Some(value) = flag(setting.name) {
        return Ok((value, Source::Flag));
    }
    let variable = setting.environment();
    if let Some(value) = environment(&variable) {
        return Ok((value, Source::Environment(variable)));
    }
    let file_variable = format!("{variable}_FILE");
    if setting.secret
        && let Some(path) = environment(&file_variable)
    {
        let value = fs::read_to_string(&path).map_err(|error| format!("{file_variable}={path}: {error}"))?;
        return Ok((value.trim().to_owned(), Source::Environment(file_variable)));
    }
    if let Some(file) = file
        && let Some(value) = file.values.get(setting.name)
    {
        return Ok((value.clone(), Source::File(file.path.clone())));
    }
    Ok((setting.default.to_owned(), Source::Default))
}

/// A TOML file of `name = value`; names are those of the settings.
struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("config file {shown}: {error}"))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let shown = path.display();
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| format!("config file {shown}: {}", error.message()))?;
        let mut values = BTreeMap::new();
        for (name, value) in table {
            if !SETTINGS.iter().any(|setting| setting.name == name) {
                return Err(format!("config file {shown}: unknown setting {name}").into());
            }
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                other => return Err(format!("config file {shown}: {name} = {other}: text or number").into()),
            };
            values.insert(name, text);
        }
        Ok(Self { path: path.to_owned(), values })
    }
}

/// A number of bytes: `8MiB`, `64KiB`, `1GiB`, `10MB`, or plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(&str, u64); 8] = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
            ("KB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("TB", 1_000_000_000_000),
        ];
        let wrong = "a number of bytes such as 8MiB";
        let found = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (digits, unit) = found.unwrap_or((text, 1));
        let count: u64 = digits.trim().parse().map_err(|_| wrong)?;
        count.checked_mul(unit).map(Self).ok_or(wrong)
    }
}

/// A span of time: `500ms`, `60s`, `5m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(&str, u64); 5] =
            [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let wrong = "a span of time such as 500ms, 60s or 5m";
        let (digits, unit) =
            UNITS.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis))).ok_or(wrong)?;
        let count: u64 = digits.trim().parse().map_err(|_| wrong)?;
        count.checked_mul(unit).map(|millis| Self(Duration::from_millis(millis))).ok_or(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[track_caller]
    fn check(resolved: Result<Resolved, Failure>, value: &str, source: &str) {
        let resolved = resolved.expect("resolves");
        let (text, from) = resolved.raw("s3");
        assert_eq!((text, from.to_string().as_str()), (value, source));
    }

    #[test]
    fn flag_over_environment_over_file_over_default() {
        let file = ConfigFile::parse(Path::new("h.toml"), "s3 = \"file:1\"").expect("parses");
        let environment = only("HOLDFAST_S3", "env:1");
        check(Resolved::layer(only("s3", "flag:1"), &environment, Some(&file)), "flag:1", "flag");
        check(Resolved::layer(none, &environment, Some(&file)), "env:1", "HOLDFAST_S3");
        check(Resolved::layer(none, none, Some(&file)), "file:1", "h.toml");
        check(Resolved::layer(none, none, None), "127.0.0.1:9000", "default");
    }

    #[test]
    fn a_config_file_with_an_unknown_name_is_refused() {
        let refused = ConfigFile::parse(Path::new("h.toml"), "s4 = 1").err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("config file h.toml: unknown setting s4"));
    }

    #[test]
    fn secrets_are_read_from_files() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "hidden\n").expect("written");
        let path = file.path().display().to_string();
        let environment = move |name: &str| (name == "HOLDFAST_ROOT_SECRET_KEY_FILE").then(|| path.clone());
        let resolved = Resolved::layer(none, environment, None).expect("resolves");
        assert_eq!(resolved.text("root-secret-key"), "hidden");
    }

    #[test]
    fn sizes_and_spans() {
        assert_eq!("8MiB".parse(), Ok(ByteSize(8 << 20)));
        assert_eq!("10 MB".parse(), Ok(ByteSize(10_000_000)));
        assert_eq!("77".parse(), Ok(ByteSize(77)));
        assert!("-1".parse::<ByteSize>().is_err());
        assert!("99999999999TiB".parse::<ByteSize>().is_err());
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        assert_eq!("5m".parse(), Ok(Span(Duration::from_secs(300))));
        assert!("5".parse::<Span>().is_err());
    }
}
