//! The flags of `holdfast bench s3`.

use std::{env, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::worker::Operation;
use crate::{
    Failure,
    settings::{ByteSize, Span},
};

/// What to measure.
#[derive(Clone)]
pub struct Options {
    pub host: String,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub bucket: String,
    pub create_bucket: bool,
    pub prefix: String,
    pub mix: Vec<(Operation, u32)>,
    pub size_bytes: usize,
    pub signed_payload: bool,
    pub keys: usize,
    pub prefill: usize,
    pub list_keys: usize,
    pub connections: usize,
    pub duration: Duration,
    pub warmup: Duration,
    pub json: bool,
}

/// The command and its flags.
pub fn command() -> Command {
    let option = |name: &'static str, value: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).default_value(default).help(help)
    };
    let number =
        |name, default, help| option(name, "COUNT", default, help).value_parser(value_parser!(usize));
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
    };
    Command::new("s3")
        .about("Load an S3 server and report what it did")
        .after_help("Keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
        .args([
            option("endpoint", "URL", "http://127.0.0.1:9000", "The server; plain HTTP"),
            option("region", "NAME", "us-east-1", "The region to sign for"),
            option("bucket", "NAME", "holdfast-bench", "The bucket to work in"),
            flag("create-bucket", "Make the bucket first; one that is there already is fine"),
            option("prefix", "TEXT", "bench/", "In front of every key"),
            option("mix", "LIST", "put=50,get=50", "Shares of put, get, head, list and delete"),
            option("size", "BYTES", "4KiB", "Bytes of an object"),
            option("payload", "FORM", "unsigned", "unsigned or signed: whether the body's hash is signed")
                .value_parser(["unsigned", "signed"]),
            number("keys", "10000", "Keys worked on, chosen at random"),
            number("prefill", "0", "Objects put before measuring"),
            number("list-keys", "1000", "Keys of a listed page"),
            number("connections", "32", "Requests under way at once"),
            option("duration", "SPAN", "10s", "How long to measure"),
            option("warmup", "SPAN", "1s", "How long to work before measuring"),
            flag("json", "Report as JSON"),
        ])
}

impl Options {
    /// Checks what the types of the flags cannot.
    pub fn read(matches: &ArgMatches) -> Result<Self, Failure> {
        let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
        let count = |name: &str| matches.get_one::<usize>(name).copied().unwrap_or_default();
        let key = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
        let ByteSize(size_bytes) = text("size").parse()?;
        let Span(duration) = text("duration").parse()?;
        let Span(warmup) = text("warmup").parse()?;
        let endpoint = text("endpoint");
        let host = endpoint.strip_prefix("http://").ok_or("setting endpoint: http://host:port")?;
        Ok(Self {
            host: host.trim_end_matches('/').to_owned(),
            access_key: key("AWS_ACCESS_KEY_ID")?,
            secret_key: key("AWS_SECRET_ACCESS_KEY")?,
            region: text("region"),
            bucket: text("bucket"),
            create_bucket: matches.get_flag("create-bucket"),
            prefix: text("prefix"),
            mix: parse_mix(&text("mix"))?,
            size_bytes: usize::try_from(size_bytes)?,
            signed_payload: text("payload") == "signed",
            keys: count("keys").max(1),
            prefill: count("prefill"),
            list_keys: count("list-keys"),
            connections: count("connections").max(1),
            duration,
            warmup,
            json: matches.get_flag("json"),
        })
    }
}

/// `put=50,get=50`: shares, not per cent.
fn parse_mix(text: &str) -> Result<Vec<(Operation, u32)>, Failure> {
    let wrong = || format!("mix {text:?}: shares such as put=50,get=40,list=10");
    let mut mix = Vec::new();
    for share in text.split(',') {
        let (name, weight) = share.split_once('=').ok_or_else(wrong)?;
        let operation =
            Operation::ALL.into_iter().find(|known| known.name() == name.trim()).ok_or_else(wrong)?;
        mix.push((operation, weight.trim().parse().map_err(|_| wrong())?));
    }
    match mix.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>() {
        0 => Err(wrong().into()),
        _ => Ok(mix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes() {
        assert_eq!(parse_mix("put=1,list=3").ok(), Some(vec![(Operation::Put, 1), (Operation::List, 3)]));
        for wrong in ["", "put", "put=x", "fetch=1", "put=0"] {
            assert!(parse_mix(wrong).is_err(), "{wrong}");
        }
    }
}
