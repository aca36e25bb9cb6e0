//! Hearing the scripts that a question depends on, and no others.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    rc::Rc,
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Instant,
};

use countersign_core::{
    assessment::{Question, unheard},
    ids::PolicyId,
    permission::Claims,
    policy::{Outcome, PolicyRow, Said, Unheard},
};
use serde_json::Value;

use super::{
    INLINE, Mishap, directory,
    engine::{self, Ask, Verdict},
    is_script, off_async,
    places::Place,
    subject::Surroundings,
};
use crate::{
    app::App,
    decide::Party,
    error::{ApiError, log_seldom},
    realm::{Client, Realm},
};

/// How long one question waits for all of its scripts, by the clock on the wall: what is not heard by then has failed
const PATIENCE: Duration = Duration::from_secs(3);
/// Stack of a thread that runs scripts: theirs, and what the engine needs to notice that it is full
const THREAD_STACK: usize = 2 * 1024 * 1024;

/// A policy with a script, as its row says
struct Policy {
    row: PolicyRow,
    code: Result<Arc<str>, Mishap>,
}

/// One run that is to be
struct Job {
    code: Arc<str>,
    subject: String,
}

/// What a thread that runs scripts says to the one who waits
enum Word {
    /// A script asks about people or groups
    Asks(String, SyncSender<Option<String>>),
    /// The next script has ended
    Ends(Result<Verdict, Mishap>),
}

/// Runs the scripts that a question depends on and writes what they said into its facts
pub fn hear(
    app: &App,
    realm: &Realm,
    server: &Client,
    party: &Party,
    question: &mut Question,
) -> Result<(), ApiError> {
    let policies = policies(app, realm, question);
    if policies.is_empty() {
        return Ok(());
    }
    let surroundings = Surroundings::new(server, party, question);
    let deadline = Instant::now().checked_add(PATIENCE);
    let patience = || deadline.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
    // What one script says can bring up another, where only so many permissions are wanted.
    loop {
        let asked = unheard(question);
        if asked.is_empty() {
            break;
        }
        let outcomes = round(app, realm, &policies, &surroundings, &asked, &patience)?;
        question.facts.outcomes.extend(outcomes);
    }
    // The engine decides by outcomes: it has no use for programs.
    for row in question.facts.policies.iter_mut().filter(|row| row.kind == INLINE) {
        row.config = Value::Null;
    }
    Ok(())
}

/// The policies of a question that have scripts, owners' conditions among them
fn policies(app: &App, realm: &Realm, question: &Question) -> BTreeMap<PolicyId, Policy> {
    let used = realm.uma.scripts;
    let scripted = question.facts.policies.iter().filter_map(|row| {
        let condition = row.config.get("condition").and_then(Value::as_str).filter(|_| row.is_owners());
        let kind = condition.or_else(|| is_script(&row.kind).then_some(row.kind.as_str()))?;
        let code = app.scripts.code(used, kind, &row.config);
        Some((row.id.clone(), Policy { row: row.clone(), code }))
    });
    scripted.collect()
}

/// One outcome for each script that is asked for
fn round(
    app: &App,
    realm: &Realm,
    policies: &BTreeMap<PolicyId, Policy>,
    surroundings: &Surroundings,
    asked: &[Unheard],
    patience: &dyn Fn() -> Duration,
) -> Result<Vec<Outcome>, ApiError> {
    let (mut jobs, mut places, mut said) = (Vec::new(), Vec::new(), Vec::with_capacity(asked.len()));
    for (place, one) in asked.iter().enumerate() {
        let policy = policies.get(&one.policy);
        said.push(match policy.map(|policy| (&policy.row, &policy.code)) {
            Some((row, Ok(code))) => {
                let subject = surroundings.document(app, row, one)?.to_string();
                jobs.push(Job { code: Arc::clone(code), subject });
                places.push(place);
                Err(Mishap::TooLong)
            }
            Some((_, Err(mishap))) => Err(mishap.clone()),
            None => Err(Mishap::NoCode),
        });
    }
    if !jobs.is_empty() {
        let verdicts = off_async(|| run(app, realm, jobs, patience));
        for (place, verdict) in places.into_iter().zip(verdicts) {
            if let Some(said) = said.get_mut(place) {
                *said = verdict;
            }
        }
    }
    let outcomes = asked.iter().zip(said).map(|(one, said)| {
        let (said, claims) = match said {
            Ok(Verdict { permits, claims }) => (if permits { Said::Permit } else { Said::Deny }, claims),
            Err(mishap) => {
                let name = policies.get(&one.policy).map_or("", |policy| policy.row.name.as_str());
                app.scripts.tell(one.policy.as_str(), name, &mishap);
                (Said::Failed, Claims::new())
            }
        };
        Outcome { policy: one.policy.clone(), resource: one.resource.clone(), said, claims }
    });
    Ok(outcomes.collect())
}

/// Runs scripts one after the other in a thread of their own; fewer verdicts than jobs where time runs out
fn run(
    app: &App,
    realm: &Realm,
    jobs: Vec<Job>,
    patience: &dyn Fn() -> Duration,
) -> Vec<Result<Verdict, Mishap>> {
    let all = |mishap: Mishap| vec![Err(mishap); jobs.len()];
    let Some(place) = app.scripts.places.enter(patience()) else { return all(Mishap::Busy) };
    let count = jobs.len();
    // A thread that nobody waits for any more notices it when it next speaks.
    let (speak, listen) = mpsc::sync_channel(0);
    let failed = all(Mishap::Engine);
    let started = thread::Builder::new()
        .name("script".to_owned())
        .stack_size(THREAD_STACK)
        .spawn(move || work(jobs, &speak, place));
    match started {
        Ok(_) => verdicts(app, realm, count, &listen, patience),
        Err(_) => failed,
    }
}

/// Answers what scripts ask until all have ended, or patience has
fn verdicts(
    app: &App,
    realm: &Realm,
    count: usize,
    listen: &Receiver<Word>,
    patience: &dyn Fn() -> Duration,
) -> Vec<Result<Verdict, Mishap>> {
    let mut verdicts = Vec::with_capacity(count);
    while verdicts.len() < count {
        match listen.recv_timeout(patience()) {
            Ok(Word::Ends(verdict)) => verdicts.push(verdict),
            Ok(Word::Asks(question, reply)) => {
                // A script that no longer listens has nothing to lose.
                let _: Result<(), _> = reply.try_send(answer(app, realm, &question));
            }
            Err(_) => break,
        }
    }
    verdicts
}

fn answer(app: &App, realm: &Realm, question: &str) -> Option<String> {
    let inquiry = serde_json::from_str(question).ok()?;
    match directory::answer(&app.store, &realm.id, &inquiry) {
        Ok(answer) => Some(answer.to_string()),
        Err(error) => {
            log_seldom("script", &error);
            None
        }
    }
}

fn work(jobs: Vec<Job>, speak: &SyncSender<Word>, place: Place) {
    for Job { code, subject } in jobs {
        let asking = speak.clone();
        let ask: Rc<Ask> = Rc::new(move |question: &str| {
            let (reply, hear) = mpsc::sync_channel(1);
            asking.send(Word::Asks(question.to_owned(), reply)).ok()?;
            hear.recv().ok().flatten()
        });
        if speak.send(Word::Ends(engine::run(&code, subject, ask))).is_err() {
            break;
        }
    }
    drop(place);
}
