#![expect(clippy::wildcard_enum_match_arm, reason = "another stage fails the test")]

use alloc::{string::ToString, vec::Vec};

use serde_json::json;

use super::{
    Grantee, Share, ShareState,
    lifecycle::{MoveRefused, RequestRefused, Stage, Staged, Standing, may_request},
};
use crate::{requester::Requester, resource::Resource, time::UnixTime};

const NOW: UnixTime = UnixTime(1_700_000_000);

fn share(id: &str, state: ShareState, expires_at: Option<u64>, parent: Option<&str>) -> Share {
    serde_json::from_value(json!({ "id": id, "resource": "doc-42", "scope": "read",
        "requester": { "user": "bob" }, "state": state, "expires_at": expires_at, "parent": parent }))
    .unwrap()
}

fn stands(shares: &[Share]) -> bool {
    shares[0].stands_at(NOW, |id| shares.iter().find(|share| share.id == *id))
}

#[test]
fn a_share_ends_in_the_second_of_its_end() {
    assert!(share("1", ShareState::Granted, Some(NOW.0 + 1), None).grants_at(NOW));
    assert!(!share("1", ShareState::Granted, Some(NOW.0), None).grants_at(NOW));
    for state in [ShareState::Pending, ShareState::Denied, ShareState::Blocked] {
        assert!(!share("1", state, None, None).grants_at(NOW), "{state:?}");
    }
}

#[test]
fn a_share_stands_only_while_what_it_rests_on_stands() {
    let child = || share("child", ShareState::Granted, None, Some("root"));
    assert!(stands(&[child(), share("root", ShareState::Granted, None, None)]));
    assert!(!stands(&[child(), share("root", ShareState::Pending, None, None)]));
    assert!(!stands(&[child(), share("root", ShareState::Granted, Some(NOW.0), None)]));
    assert!(!stands(&[child()]), "a parent that is gone");
    let mut other = share("root", ShareState::Granted, None, None);
    other.scope = Some("write".parse().unwrap());
    assert!(!stands(&[child(), other]), "a parent of another scope");
    let mut other = share("root", ShareState::Granted, None, None);
    other.resource = "doc-43".parse().unwrap();
    assert!(!stands(&[child(), other]), "a parent of another resource");
}

#[test]
fn a_chain_of_shares_ends_at_the_limit_and_in_a_circle() {
    let chain = |length: usize| -> Vec<Share> {
        (0..=length)
            .map(|place| {
                let parent = (place < length).then(|| (place + 1).to_string());
                share(&place.to_string(), ShareState::Granted, None, parent.as_deref())
            })
            .collect()
    };
    assert!(stands(&chain(crate::limits::SHARE_DEPTH)));
    assert!(!stands(&chain(crate::limits::SHARE_DEPTH + 1)));
    assert!(!stands(&[share("a", ShareState::Granted, None, Some("a"))]));
}

fn requester() -> Requester {
    serde_json::from_value(json!({ "id": "bob", "client": "app", "groups": ["/staff"],
        "roles": { "realm": ["editor"], "client": { "rs": ["reader"] } } }))
    .unwrap()
}

#[test]
fn a_share_reaches_users_groups_and_roles() {
    for (grantee, reaches) in [
        (json!({ "user": "bob" }), true),
        (json!({ "user": "carol" }), false),
        (json!({ "group": "/staff" }), true),
        (json!({ "group": "/" }), false),
        (json!({ "group": "/staff/ops" }), false),
        (json!({ "role": { "name": "editor" } }), true),
        (json!({ "role": { "name": "reader" } }), false),
        (json!({ "role": { "name": "reader", "client": "rs" } }), true),
        (json!({ "role": { "name": "editor", "client": "rs" } }), false),
    ] {
        let read: Grantee = serde_json::from_value(grantee.clone()).unwrap();
        assert_eq!(read.includes(&requester()), reaches, "{grantee}");
    }
}

const EVERYBODY: [Standing; 4] =
    [Standing::Owner, Standing::ResourceServer, Standing::Requester, Standing::Stranger];

#[test]
fn the_owner_and_the_resource_server_decide() {
    for by in EVERYBODY {
        let pending = || Staged::request("1".parse().unwrap(), "doc-42".parse().unwrap(), None, bob());
        let decides = matches!(by, Standing::Owner | Standing::ResourceServer);
        assert_eq!(pending().approve(by).is_ok(), decides, "{by:?}");
        assert_eq!(pending().deny(by).is_ok(), decides, "{by:?}");
        assert_eq!(pending().block(by).is_ok(), decides, "{by:?}");
        assert_eq!(pending().withdraw(by).is_ok(), by != Standing::Stranger, "{by:?}");
        let refused = pending().approve(by).err().map(|refused| refused.why);
        assert_eq!(refused, (!decides).then_some(MoveRefused::NotTheOwner));
    }
}

fn bob() -> Grantee {
    Grantee::User("bob".parse().unwrap())
}

#[test]
fn every_stage_lets_through_its_moves_and_no_others() {
    for by in EVERYBODY {
        let decides = by.may_decide();
        let asks = by == Standing::Requester;
        match Stage::at(share("1", ShareState::Granted, Some(NOW.0), None), NOW) {
            Stage::Expired(expired) => {
                let renewed = expired.renew(by, Some(NOW.plus(1)), NOW);
                assert_eq!(renewed.as_ref().is_ok_and(|new| new.share().grants_at(NOW)), decides);
            }
            other => panic!("{other:?}"),
        }
        match Stage::at(share("1", ShareState::Denied, None, None), NOW) {
            Stage::Denied(denied) => {
                let denied = match denied.ask_again(by) {
                    Ok(asked) => {
                        assert!(asks);
                        assert_eq!(asked.share().state, ShareState::Pending);
                        continue;
                    }
                    Err(refused) => refused.share,
                };
                assert!(!asks);
                assert_eq!(denied.withdraw(by).is_ok(), decides);
            }
            other => panic!("{other:?}"),
        }
        match Stage::at(share("1", ShareState::Blocked, None, None), NOW) {
            Stage::Blocked(blocked) => assert_eq!(blocked.withdraw(by).is_ok(), decides),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_requester_never_removes_the_owners_word() {
    for state in [ShareState::Denied, ShareState::Blocked] {
        let gone = match Stage::at(share("1", state, None, None), NOW) {
            Stage::Denied(share) => share.withdraw(Standing::Requester).map_err(|refused| refused.why),
            Stage::Blocked(share) => share.withdraw(Standing::Requester).map_err(|refused| refused.why),
            other => panic!("{other:?}"),
        };
        assert_eq!(gone.map(|_| ()), Err(MoveRefused::NotTheOwner), "{state:?}");
    }
}

#[test]
fn an_end_lies_in_the_future() {
    let granted = || match Stage::at(share("1", ShareState::Granted, None, None), NOW) {
        Stage::Granted(granted) => granted,
        other => panic!("{other:?}"),
    };
    let why = |end| granted().limit(Standing::Owner, end, NOW).err().map(|refused| refused.why);
    assert_eq!(why(Some(NOW)), Some(MoveRefused::EndInThePast));
    assert_eq!(why(Some(NOW.plus(1))), None);
    assert_eq!(why(None), None);
    assert_eq!(
        granted().limit(Standing::Requester, None, NOW).err().map(|refused| refused.why),
        Some(MoveRefused::NotTheOwner)
    );
}

#[test]
fn a_new_request_reopens_what_was_denied_or_has_ended_and_nothing_else() {
    for (state, expires_at, reopened) in [
        (ShareState::Pending, None, false),
        (ShareState::Granted, None, false),
        (ShareState::Granted, Some(NOW.0), true),
        (ShareState::Denied, None, true),
        (ShareState::Blocked, None, false),
    ] {
        let again = Stage::at(share("1", state, expires_at, None), NOW).asked_again();
        assert_eq!(again.is_some(), reopened, "{state:?}");
        if let Some(again) = again {
            assert_eq!(again.share().state, ShareState::Pending);
            assert_eq!(again.share().expires_at, None);
        }
    }
}

#[test]
fn only_an_owner_who_manages_access_is_asked() {
    let resource = |owner: &str, owner_managed: bool| -> Resource {
        serde_json::from_value(json!({ "id": "doc-42", "name": "d", "owner": owner,
            "owner_managed": owner_managed }))
        .unwrap()
    };
    let asked =
        |resource: Resource| may_request(&resource, &"bob".parse().unwrap(), &"rs".parse().unwrap()).err();
    assert_eq!(asked(resource("alice", true)), None);
    assert_eq!(asked(resource("alice", false)), Some(RequestRefused::NotShareable));
    assert_eq!(asked(resource("bob", true)), Some(RequestRefused::OwnResource));
    assert_eq!(asked(resource("rs", true)), Some(RequestRefused::ServersResource));
}

#[test]
fn standing_is_that_of_the_strongest_part() {
    let party = |id: &str| id.parse().unwrap();
    let of =
        |actor: &str, owner: &str| Standing::of(&party(actor), &party(owner), &party("rs"), Some(&bob()));
    assert_eq!(of("rs", "rs"), Standing::ResourceServer);
    assert_eq!(of("bob", "bob"), Standing::Owner);
    assert_eq!(of("bob", "alice"), Standing::Requester);
    assert_eq!(of("carol", "alice"), Standing::Stranger);
    let group = Grantee::Group("bob".into());
    assert_eq!(Standing::of(&party("bob"), &party("alice"), &party("rs"), Some(&group)), Standing::Stranger);
}

#[test]
fn stored_tickets_show_what_is_pending_or_granted() {
    for (state, expires_at, shown) in [
        (ShareState::Pending, None, true),
        (ShareState::Granted, None, true),
        (ShareState::Granted, Some(NOW.0), false),
        (ShareState::Denied, None, false),
        (ShareState::Blocked, None, false),
    ] {
        assert_eq!(super::view::is_ticket(&share("1", state, expires_at, None), NOW), shown, "{state:?}");
    }
}

#[test]
fn a_state_has_one_name() {
    for state in ShareState::ALL {
        assert_eq!(ShareState::from_name(state.as_str()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}
