//! The commands and their flags. Flags of settings come from the table in [`crate::settings`].

use clap::{Arg, ArgAction, Command, builder::NonEmptyStringValueParser};

use crate::{
    bench,
    settings::{SETTINGS, Setting},
};

/// The whole command line.
pub fn command() -> Command {
    Command::new("holdfast")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An S3-compatible object store whose 200 means: on disk.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_settings(Command::new("server"))
                .about("Run everything in one process: S3, master, volumes, namespace")
                .after_help(
                    "Every setting is taken from its flag, then HOLDFAST_<NAME>, then the config file, then its default;\n\
                     `holdfast config` prints the result and where each value came from.\n\n\
                     Root credentials: HOLDFAST_ROOT_ACCESS_KEY and HOLDFAST_ROOT_SECRET_KEY (or the same with _FILE),\n\
                     else made at random on first start and kept in DIR/credentials with mode 0600.",
                ),
        )
        .subcommand(
            with_settings(Command::new("config"))
                .about("Print every setting, its value and where it came from"),
        )
        .subcommand(
            Command::new("bench")
                .about("Load a server and report what it did")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(bench::command()),
        )
}

fn with_settings(command: Command) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Config file, TOML [env: HOLDFAST_CONFIG]")
        .action(ArgAction::Set);
    // The last one wins, so that the flags of a script can be appended to.
    let command = command.args_override_self(true).arg(config);
    SETTINGS.iter().filter(|setting| !setting.secret).map(flag).fold(command, Command::arg)
}

fn flag(setting: &'static Setting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.value_name)
        .help(format!("{}{default} [env: {}]", setting.help, setting.environment()))
        .value_parser(NonEmptyStringValueParser::new())
        .action(ArgAction::Set)
}
