//! `holdfast config`: every setting, its value and where it came from. Secrets are not shown.

use std::io::{self, Write};

use crate::{
    Failure,
    settings::{Resolved, SETTINGS},
};

/// Prints the settings as a config file that would give the same values.
pub fn run(resolved: &Resolved) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for setting in SETTINGS {
        let (value, source) = resolved.raw(setting.name);
        let shown = match value {
            "" => format!("# {} is not set", setting.name),
            _ if setting.secret => format!("# {} = (hidden)", setting.name),
            _ => format!("{} = {:?}", setting.name, without_password(value)),
        };
        writeln!(out, "{shown:<50} # {source}: {}", setting.help)?;
    }
    Ok(())
}

/// `postgres://user:password@host` with the password replaced.
pub fn without_password(url: &str) -> String {
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{host}"))
    };
    let url = hidden().unwrap_or_else(|| url.to_owned());
    match url.split_once("password=") {
        Some((before, after)) => {
            format!("{before}password=***{}", &after[after.find('&').unwrap_or(after.len())..])
        }
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_hidden() {
        assert_eq!(without_password("postgres://a:b@c@h:5432/d"), "postgres://a:***@h:5432/d");
        assert_eq!(without_password("postgres://h/d?password=b&x=1"), "postgres://h/d?password=***&x=1");
        assert_eq!(without_password("postgres://a@h/d"), "postgres://a@h/d");
        assert_eq!(without_password("embedded"), "embedded");
    }
}
