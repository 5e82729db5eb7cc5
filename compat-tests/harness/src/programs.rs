use std::{
    path::PathBuf,
    process::{Command, Output},
};

use crate::Server;

/// A program of others, set up to talk to one server and to nothing of the developer's.
pub struct Program {
    command: Command,
    shown: String,
}

/// `name` from the tests' own installation (`cargo xtask setup`), else from the path, pointed at `server` by
/// the environment that the AWS tools share.
pub fn program(name: &str, server: &Server) -> Program {
    let installed = crate::server::workspace().join("target/clients/bin").join(name);
    let path = if installed.is_file() { installed } else { PathBuf::from(name) };
    let mut command = Command::new(path);
    command
        .env_remove("AWS_CA_BUNDLE")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_REGION")
        .env_remove("AWS_SESSION_TOKEN")
        .env("AWS_ACCESS_KEY_ID", &server.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &server.secret_key)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", server.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", server.dir().join("no-aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", server.dir().join("no-aws-credentials"));
    Program { command, shown: name.to_owned() }
}

impl Program {
    /// Adds arguments.
    pub fn args<I, A>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item = A>,
        A: AsRef<std::ffi::OsStr>,
    {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command itself, to be started in the background.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs to its end, whatever that is.
    #[track_caller]
    pub fn output(mut self) -> Output {
        match self.command.output() {
            Ok(output) => output,
            Err(error) => panic!("{}: {error}; `cargo xtask setup` installs what the tests need", self.shown),
        }
    }

    /// Runs to its end, which must be a success; returns what it printed.
    #[track_caller]
    pub fn run(self) -> String {
        let shown = self.shown.clone();
        let output = self.output();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{shown}: {}\n{out}\n{err}", output.status);
        out.into_owned()
    }
}
