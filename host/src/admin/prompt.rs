//! Secrets from a terminal, or from one line of standard input.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::AdminError;

/// Puts the terminal back, whatever happens
struct Quiet(Termios);

impl Quiet {
    fn new() -> Result<Self, AdminError> {
        let wrong = |error: rustix::io::Errno| AdminError::Secret(format!("the terminal: {error}"));
        let before = tcgetattr(io::stdin()).map_err(wrong)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).map_err(wrong)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nobody left to tell.
        _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Asks without showing what is typed; reads one line where nobody can be asked
pub(super) fn secret(question: &str) -> Result<String, AdminError> {
    let line = if io::stdin().is_terminal() {
        let mut terminal = io::stderr().lock();
        write!(terminal, "{question}: ")?;
        terminal.flush()?;
        let quiet = Quiet::new()?;
        let line = line();
        drop(quiet);
        writeln!(terminal)?;
        line?
    } else {
        line()?
    };
    if line.is_empty() {
        return Err(AdminError::Secret(format!("{question}: nothing was given")));
    }
    Ok(line)
}

fn line() -> Result<String, AdminError> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| AdminError::Secret(format!("standard input: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
