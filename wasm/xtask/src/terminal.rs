//! What a person reads while a task runs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the only place where xtask prints")]

use core::{cell::RefCell, time::Duration};
use std::io::{IsTerminal as _, Write as _};

thread_local! {
    /// What a thread has said since it was told to keep it
    static KEPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// One line of information
pub(crate) fn say(text: &str) {
    let is_kept = KEPT.with_borrow_mut(|kept| {
        let Some(kept) = kept else { return false };
        kept.push_str(text);
        kept.push('\n');
        true
    });
    if !is_kept {
        say_now(text);
    }
}

/// The same, also by a thread that keeps what it says
pub(crate) fn say_now(text: &str) {
    println!("{text}");
    _ = std::io::stdout().flush();
}

/// Keeps what this thread says until [`let_go`], so that two of them can be read
pub(crate) fn keep() {
    KEPT.set(Some(String::new()));
}

/// Whether this thread keeps what it says
pub(crate) fn keeps() -> bool {
    KEPT.with_borrow(Option::is_some)
}

/// Says what this thread has kept
pub(crate) fn let_go() {
    if let Some(text) = KEPT.take() {
        say_now(text.trim_end());
    }
}

/// A step begins
pub(crate) fn step(title: &str) {
    say(&format!("{} {title}", bold("==>")));
}

/// A step that takes long is still going on
pub(crate) fn still(title: &str, elapsed: Duration) {
    say_now(&format!("    … {title}: {} s", elapsed.as_secs()));
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
