//! What a person reads while a task runs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the only place where xtask prints")]

use core::time::Duration;
use std::io::{IsTerminal as _, Write as _};

/// One line of information
pub(crate) fn say(text: &str) {
    println!("{text}");
    _ = std::io::stdout().flush();
}

/// A step begins
pub(crate) fn step(title: &str) {
    say(&format!("{} {title}", bold("==>")));
}

/// A step that takes long is still going on
pub(crate) fn still(title: &str, elapsed: Duration) {
    say(&format!("    … {title}: {} s", elapsed.as_secs()));
}

/// A step has ended; short ones need no line
pub(crate) fn done(title: &str, elapsed: Duration) {
    if elapsed >= Duration::from_secs(2) {
        say(&format!("    {title}: {:.1} s", elapsed.as_secs_f64()));
    }
}

/// The task as a whole has failed
pub(crate) fn failure(text: &str) {
    eprintln!("error: {text}");
}

/// Emphasis, where the output is a terminal
pub(crate) fn bold(text: &str) -> String {
    if is_terminal() { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether a person is looking on
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
