//! Of requests to owners

use countersign_core::share::{
    Grantee, Standing,
    lifecycle::{MoveRefused, Staged},
};

use super::*;

#[test]
fn trap_uma_26_only_the_owners_side_approves_and_only_what_was_asked() {
    let bob = || Grantee::User("bob".parse().unwrap());
    let mut asked = Staged::request("s1".parse().unwrap(), "42".parse().unwrap(), "read".parse().ok(), bob());
    for by in [Standing::Requester, Standing::Stranger] {
        let refused = asked.approve(by).unwrap_err();
        assert_eq!(refused.why, MoveRefused::NotTheOwner);
        asked = refused.share;
    }
    let before = asked.share().clone();
    let granted = asked.approve(Standing::Owner).unwrap().into_share();
    assert!(!before.grants_at(NOW) && granted.grants_at(NOW));
    assert_eq!((&before.id, &before.resource), (&granted.id, &granted.resource));
    assert_eq!((&before.scope, &before.requester), (&granted.scope, &granted.requester));
}
