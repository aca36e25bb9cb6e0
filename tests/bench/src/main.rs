//! Measures decisions of the core beside a peer's, in one run and on the same rules.
//!
//! Without arguments it prints the rows that `cargo xtask bench` shows, as a JSON array. `hot <path> <times>` runs
//! one of the hottest paths so many times, for an instruction counter.

mod cedar;
mod clock;
mod hot;
mod ours;
mod paths;
mod row;
mod rules;
mod shares;

use std::{env, process::ExitCode};

use clock::Contender;
use row::Row;
use rules::Rules;
use shares::Held;

/// Numbers of policies
const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Numbers of paths
const PATHS: [usize; 2] = [10, 10_000];
/// Numbers of shares
const SHARES: [usize; 4] = [1, 1_000, 100_000, 1_000_000];
/// Permission lookup, whatever the number of policies, in microseconds
const BUDGET: f64 = 2.0;
/// So many times as long a look may take among however many shares as at one alone
const FLAT: f64 = 1.5;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => println!("{:#}", Row::array(&rows())),
        ["hot", path, times] => match (hot::Path::from_name(path), times.parse()) {
            (Some(path), Ok(times)) => path.run(times),
            _ => return usage(),
        },
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: countersign-bench [hot assess|rpt <times>]");
    ExitCode::FAILURE
}

fn rows() -> Vec<Row> {
    let decisions = SIZES.into_iter().map(decision);
    decisions.chain([why()]).chain(shares()).chain(PATHS.into_iter().map(path)).collect()
}

/// The same decision with and without its reasons: what is not asked for is not paid for
fn why() -> Row {
    let rules = Rules { size: 10 };
    let ours = ours::Engine::new(rules);
    let question = ours::question(rules.questions().0);
    let [value, peer_value] = clock::medians([
        Contender::new(|| ours.decide(&question)),
        Contender::new(|| ours.explain(&question)),
    ]);
    let name = "Decision without its reasons, 10 policies".into();
    Row { name, value, budget: None, peer: Some(("with its reasons", peer_value)) }
}

/// One look at a share among so many
fn shares() -> impl Iterator<Item = Row> {
    let mut held = SHARES.map(Held::new);
    let values = clock::medians(held.each_mut().map(|held| Contender::new(|| held.lookup())));
    let [alone, ..] = values;
    SHARES.into_iter().zip(values).map(move |(size, value)| Row {
        name: format!("Share lookup, shares: {size}"),
        value,
        budget: Some(if size > 1 { BUDGET.min(alone * FLAT) } else { BUDGET }),
        peer: None,
    })
}

/// One granted decision among so many policies, each of which lets one user read one document
fn decision(size: usize) -> Row {
    let rules = Rules { size };
    let (ours, cedar) = (ours::Engine::new(rules), cedar::Engine::new(rules));
    let (granted, refused) = rules.questions();
    assert!(ours.decide(&ours::question(granted)) && !ours.decide(&ours::question(refused)));
    assert!(cedar.decide(&cedar::request(granted)) && !cedar.decide(&cedar::request(refused)));
    let (question, request) = (ours::question(granted), cedar::request(granted));
    let [value, peer_value] = clock::medians([
        Contender::new(|| ours.decide(&question)),
        Contender::new(|| cedar.decide(&request)),
    ]);
    Row {
        name: format!("Decision, policies: {size}"),
        value,
        budget: Some(BUDGET),
        peer: Some(("cedar-policy", peer_value)),
    }
}

/// The pattern that a request's path matches, among so many
fn path(size: usize) -> Row {
    let paths = paths::Paths::new(size);
    let [value] = clock::medians([Contender::new(|| paths.lookup())]);
    Row { name: format!("Enforcer lookup, paths: {size}"), value, budget: None, peer: None }
}
