//! Whatever happens in whatever order: no panic, no second flight, no open door.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use countersign_core::{
    edge::{Event, Fetch, FetchId, FetchKind, Guard, RequestId, Step, StreamId, VerifyId},
    time::UnixTime,
};
use proptest::{collection::vec, prelude::*};

use super::world::{
    LIST, START, STATUSES, claims, config, keys, list, listed, metadata, pat, request, rpt, rpt_with, sign,
};

/// Tokens, and whether each may ever pass
static TOKENS: LazyLock<Vec<(String, bool)>> = LazyLock::new(|| {
    let mut by_other = claims();
    by_other["jti"] = "other".into();
    vec![
        (rpt(), true),
        (listed(0), true),
        (listed(1), false),
        (sign("JWT", "k2", &by_other), true),
        (rpt_with("exp", (START + 20).into()), true),
        (rpt_with("aud", "other".into()), false),
        (rpt_with("authorization", serde_json::json!({ "permissions": [{ "rsid": "42" }] })), false),
        (rpt_with("cnf", serde_json::json!({ "jkt": "x" })), false),
        (String::new(), false),
    ]
});

const SHARED: [FetchKind; 4] = [FetchKind::Metadata, FetchKind::Keys, FetchKind::Pat, FetchKind::StatusList];

#[derive(Default)]
struct Model {
    sent: BTreeMap<RequestId, usize>,
    answered: BTreeSet<RequestId>,
    verified: BTreeSet<Vec<u8>>,
    fetches: Vec<(Fetch, u64)>,
    used: Vec<FetchId>,
    verifies: Vec<(VerifyId, Vec<u8>)>,
    streams: Vec<StreamId>,
    up: BTreeMap<FetchKind, (FetchId, u64)>,
    /// The guard has a list by which the token at place 0 was taken back
    is_withdrawn: bool,
    /// Lists that say so, and when they were asked for
    withdrawing: BTreeMap<Vec<u8>, u64>,
}

impl Model {
    fn note(&mut self, steps: Vec<Step>, now: u64) -> Result<(), TestCaseError> {
        for step in steps {
            match step {
                Step::Fetch(fetch) => {
                    if SHARED.contains(&fetch.kind) {
                        let before = self.up.insert(fetch.kind, (fetch.id, now));
                        let is_over = before.is_none_or(|(_, began)| now >= began + 10);
                        prop_assert!(is_over, "two flights: {fetch:?} and {before:?}");
                    }
                    prop_assert!(fetch.url.starts_with("https://as.example/realms/demo/"), "{fetch:?}");
                    self.fetches.push((fetch, now));
                }
                Step::Verify(verify) => self.verifies.push((verify.id, verify.input)),
                Step::Listen(listen) => self.streams.push(listen.id),
                Step::Cache(_) => {}
                Step::Answer(answer) => {
                    prop_assert!(matches!(answer.status, 401 | 403 | 503));
                    prop_assert!(self.answered.insert(answer.request), "answered twice");
                }
                Step::Forward(forward) => {
                    prop_assert!(self.answered.insert(forward.request), "answered twice");
                    let index = self.sent[&forward.request];
                    let (token, may_pass) = &TOKENS[index];
                    let exp = if index == 4 { START + 20 } else { START + 86_400 };
                    prop_assert!(*may_pass && now <= exp, "{index} at {now}");
                    let signed = token.rsplit_once('.').unwrap().0;
                    prop_assert!(self.verified.contains(signed.as_bytes()), "{index} was never verified");
                    prop_assert!(!(index == 1 && self.is_withdrawn), "taken back");
                }
            }
        }
        Ok(())
    }

    fn land(&mut self, id: FetchId) {
        self.up.retain(|_, (up, _)| *up != id);
    }
}

fn body(kind: FetchKind, choice: u8, began: u64, now: u64, model: &mut Model) -> (u16, String) {
    if choice == 0 {
        return (500, String::new());
    }
    if choice == 1 {
        return (200, "{".into());
    }
    let body = match kind {
        FetchKind::Metadata => metadata(),
        FetchKind::Keys if choice == 2 => keys(&["k2"]),
        FetchKind::Keys => keys(&["k1", "k2"]),
        FetchKind::Pat => pat("p", 40),
        FetchKind::Ticket => r#"{"ticket":"t"}"#.into(),
        FetchKind::Resources => r#"[{"_id":"42","scopes":["read"]}]"#.into(),
        FetchKind::Introspection => r#"{"active":false}"#.into(),
        FetchKind::StatusList => {
            let (mut statuses, mut seq) = (STATUSES, u64::from(choice) % 5);
            if choice > 6 {
                (statuses[0], seq) = (1, 20);
            }
            let list = list(now, seq, &statuses);
            if choice > 6 {
                model.withdrawing.insert(list.rsplit_once('.').unwrap().0.into(), began);
            }
            list
        }
    };
    (if kind == FetchKind::Ticket { 201 } else { 200 }, body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_events_opens_a_door(script in vec((0_u8..12, any::<u8>(), any::<u8>()), 1..160)) {
        let mut guard = Guard::new(config());
        let mut model = Model::default();
        let (mut now, mut last) = (START, 0);
        for (what, which, choice) in script {
            let at = usize::from(which);
            let mut told = false;
            let event = match what {
                0..=3 => {
                    last += 1;
                    let index = at % TOKENS.len();
                    let bearer = format!("Bearer {}", TOKENS[index].0);
                    model.sent.insert(RequestId(last), index);
                    Event::Request(request(last, &[("Authorization", &bearer)]))
                }
                4..=6 if !model.fetches.is_empty() => {
                    let (fetch, began) = model.fetches.remove(at % model.fetches.len());
                    model.land(fetch.id);
                    model.used.push(fetch.id);
                    let (status, body) = body(fetch.kind, choice % 12, began, now, &mut model);
                    Event::Response { fetch: fetch.id, status, body: body.into() }
                }
                7 | 8 if !model.verifies.is_empty() => {
                    let (verify, input) = model.verifies.remove(at % model.verifies.len());
                    let is_right = choice % 8 != 0;
                    // A check that takes longer is given up.
                    let is_in_time = model.withdrawing.get(&input).is_some_and(|began| now < began + 20);
                    told = is_right && is_in_time;
                    if is_right {
                        model.verified.insert(input);
                    }
                    Event::Verified { verify, is_right }
                }
                9 if !model.streams.is_empty() => {
                    let stream = model.streams[at % model.streams.len()];
                    let text = format!(r#"{{"seq":{},"changes":[[4,1]]}}"#, choice % 12);
                    Event::Message { stream, data: text.into() }
                }
                10 if !model.used.is_empty() => {
                    let fetch = model.used[at % model.used.len()];
                    Event::Response { fetch, status: 200, body: keys(&["k9"]).into() }
                }
                11 if choice % 4 == 0 && last > 0 => {
                    let id = RequestId(1 + u64::from(which) % last);
                    model.answered.insert(id);
                    Event::Gone(id)
                }
                _ => {
                    now += u64::from(choice) % 7;
                    Event::Tick
                }
            };
            if let Event::Gone(id) = &event
                && !model.answered.contains(id)
            {
                continue;
            }
            model.note(guard.step(event, UnixTime(now)), now)?;
            model.is_withdrawn |= told;
        }
        // And in the end nobody waits for ever.
        model.note(guard.step(Event::Tick, UnixTime(now + 60)), now + 60)?;
        for id in 1..=last {
            prop_assert!(model.answered.contains(&RequestId(id)), "{} has no answer ({LIST})", id);
        }
    }
}
