//! What every store must do, races included (design §6). A store is given as handles on one and the same data, as
//! several hosts on one database have it; the suite knows nothing of what is behind them.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

mod world;

use countersign_core::{assessment::Pending, time::UnixTime};
use serde_json::{Map, json};

use self::world::{World, permission, together};
use super::{
    Store, StoreError,
    audit::{self, AuditFilter, Decision},
    gathering::{self, Gathered, Interaction, Persisted},
    grant::{Asked, Redemption, SpentTicket},
    server::Version,
    tests::TempStore,
};
use crate::{realm::Sealed, sign_in::Token};

const NOW: UnixTime = UnixTime(1_790_000_000);
/// How often a race is run
const ROUNDS: usize = 25;

/// The whole suite; `hosts` are handles on one empty store
pub(crate) async fn holds(hosts: Vec<Store>) {
    let world = World::new(hosts).await;
    of_many_redemptions_of_one_ticket_one_wins(&world).await;
    what_was_assessed_before_a_withdrawal_is_stale(&world).await;
    no_grant_outlives_a_withdrawal_at_the_same_time(&world).await;
    no_grant_outlives_its_resource(&world).await;
    many_permissions_are_narrowed_like_few(&world).await;
    of_two_registrations_of_one_name_one_wins(&world).await;
    an_approval_and_a_withdrawal_leave_one_of_their_outcomes(&world).await;
    one_share_is_made_once(&world).await;
    a_request_is_stored_only_where_nothing_moved(&world).await;
    nobody_comes_between_at_a_turn(&world).await;
    what_time_has_ended_goes_in_bounded_steps(&world).await;
    the_audit_trail_counts_what_is_repeated_and_forgets_what_is_old(&world).await;
    a_page_begins_and_ends_once_and_what_was_said_there_has_its_time(&world).await;
}

async fn of_many_redemptions_of_one_ticket_one_wins(world: &World) {
    let resource = world.register(0, "redeemed").await.unwrap();
    for round in 0..ROUNDS {
        let assessed: Vec<_> = (0..8).map(|host| world.assess(host, &resource)).collect();
        let ticket = format!("ticket-{round}");
        let all =
            assessed.iter().enumerate().map(|(host, assessed)| world.redeem(host, assessed, Some(&ticket)));
        let mut won = 0;
        for outcome in together(all).await {
            match outcome.unwrap() {
                (Redemption::Recorded, grant) => {
                    won += 1;
                    assert_eq!(world.held(&grant).len(), 1);
                }
                (Redemption::Spent, grant) => {
                    assert!(world.held(&grant).is_empty(), "a loser left something");
                }
            }
        }
        assert_eq!(won, 1, "round {round}");
        assert!(world.hosts.iter().all(|host| host.ticket_spent(&ticket).unwrap()));
    }
}

async fn what_was_assessed_before_a_withdrawal_is_stale(world: &World) {
    let resource = world.register(0, "stale").await.unwrap();
    let share = world.share(0, &resource, true).await.unwrap();
    let assessed = world.assess(1, &resource);
    world.host(0).withdraw_share(&share, NOW, world.event("share.withdrawn")).await.unwrap();
    assert_eq!(world.redeem(1, &assessed, Some("stale")).await.unwrap_err(), StoreError::Stale);
    assert!(!world.host(0).ticket_spent("stale").unwrap(), "a ticket was spent for nothing");
    let again = world.assess(1, &resource);
    assert_eq!(world.redeem(1, &again, Some("stale")).await.unwrap().0, Redemption::Recorded);
}

async fn no_grant_outlives_a_withdrawal_at_the_same_time(world: &World) {
    let resource = world.register(0, "withdrawn").await.unwrap();
    for round in 0..ROUNDS {
        let share = world.share(round, &resource, true).await.unwrap();
        let assessed = world.assess(round + 1, &resource);
        let grant = world.redeem(round + 1, &assessed, None);
        let withdrawal = world.host(round).withdraw_share(&share, NOW, world.event("share.withdrawn"));
        let (grant, withdrawal) = tokio::join!(grant, withdrawal);
        withdrawal.unwrap();
        match grant {
            Ok((Redemption::Recorded, grant)) => assert!(world.held(&grant).is_empty(), "round {round}"),
            Ok((Redemption::Spent, _)) => panic!("there was no ticket"),
            Err(error) => assert_eq!(error, StoreError::Stale, "round {round}"),
        }
        assert!(world.shares(&resource).is_empty());
    }
}

async fn no_grant_outlives_its_resource(world: &World) {
    for round in 0..ROUNDS {
        let resource = world.register(round, &format!("doomed-{round}")).await.unwrap();
        world.share(round, &resource, true).await.unwrap();
        let assessed = world.assess(round + 1, &resource);
        let grant = world.redeem(round + 1, &assessed, None);
        let event = world.event("resource.deleted");
        let deletion = world.host(round).delete_resource(&world.server.id, &resource, NOW, event);
        let (grant, deletion) = tokio::join!(grant, deletion);
        deletion.unwrap();
        match grant {
            Ok((_, grant)) => assert!(world.held(&grant).is_empty(), "round {round}"),
            Err(error) => assert_eq!(error, StoreError::Stale, "round {round}"),
        }
        assert!(world.host(round + 1).resource(&world.server.id, &resource).unwrap().is_none());
        assert!(world.shares(&resource).is_empty());
        let again =
            world.host(round).delete_resource(&world.server.id, &resource, NOW, world.event("x")).await;
        assert_eq!(again, Err(StoreError::Missing));
    }
}

/// However many resources a grant names, a withdrawal takes one of them, for its holder alone
async fn many_permissions_are_narrowed_like_few(world: &World) {
    let mut resources = Vec::new();
    for number in 0..40 {
        let resource = world.register(number, &format!("many-{number}")).await.unwrap();
        world.share(number, &resource, true).await.unwrap();
        resources.push(resource);
    }
    let mut assessed = world.assess(0, &resources[0]);
    let mut kept = Vec::new();
    for most in [1, 2, 16, 17, 40] {
        assessed.permissions = resources.iter().take(most).map(|resource| permission(resource)).collect();
        let (redeemed, grant) = world.redeem(most, &assessed, None).await.unwrap();
        assert_eq!((redeemed, world.held(&grant).len()), (Redemption::Recorded, most));
        kept.push((grant, most));
    }
    let share = world.shares(&resources[0]).remove(0);
    world.host(0).withdraw_share(&share, NOW, world.event("share.withdrawn")).await.unwrap();
    world
        .host(1)
        .delete_resource(&world.server.id, &resources[1], NOW, world.event("resource.deleted"))
        .await
        .unwrap();
    for (grant, most) in kept {
        let left = world.held(&grant);
        assert_eq!(left.len(), most.saturating_sub(2), "of {most}");
        let gone = [&resources[0], &resources[1]];
        let names = |id: &&String| left.iter().any(|held| held.rsid.as_ref().unwrap().as_str() == **id);
        assert!(!gone.iter().any(names), "of {most}");
    }
}

async fn of_two_registrations_of_one_name_one_wins(world: &World) {
    for round in 0..ROUNDS {
        let name = format!("twice-{round}");
        let (first, second) = tokio::join!(world.register(0, &name), world.register(1, &name));
        let (won, lost) = if first.is_ok() { (first, second) } else { (second, first) };
        let id = won.unwrap();
        assert!(matches!(lost, Err(StoreError::Conflict(_))), "{lost:?}");
        let kept = world.host(round).resource(&world.server.id, &id).unwrap().unwrap();
        assert_eq!((kept.name.as_str(), kept.scopes.len()), (name.as_str(), 2));
    }
}

async fn an_approval_and_a_withdrawal_leave_one_of_their_outcomes(world: &World) {
    let resource = world.register(0, "decided").await.unwrap();
    for round in 0..ROUNDS {
        let share = world.share(round, &resource, false).await.unwrap();
        let approval = world.host(round).approve_share(&share, None, NOW, world.event("share.granted"));
        let withdrawal = world.host(round + 1).withdraw_share(&share, NOW, world.event("share.withdrawn"));
        let (approval, withdrawal) = tokio::join!(approval, withdrawal);
        withdrawal.unwrap();
        // First approved and then taken away, or taken away before it could be approved.
        assert!(matches!(approval, Ok(()) | Err(StoreError::Missing)), "{approval:?}");
        assert!(world.shares(&resource).is_empty(), "round {round}");
    }
}

async fn one_share_is_made_once(world: &World) {
    let resource = world.register(0, "shared").await.unwrap();
    for round in 0..ROUNDS {
        let (first, second) =
            tokio::join!(world.share(0, &resource, round % 2 == 0), world.share(1, &resource, true));
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let rows = world.shares(&resource);
        assert_eq!(rows.len(), 1);
        world.host(round).withdraw_share(&rows[0], NOW, world.event("share.withdrawn")).await.unwrap();
    }
}

async fn a_request_is_stored_only_where_nothing_moved(world: &World) {
    let resource = world.register(0, "asked").await.unwrap();
    let before = world.assess(0, &resource);
    let pending = || {
        let scopes = ["read".parse().unwrap()].into_iter().collect();
        vec![Pending { resource: resource.parse().unwrap(), scopes }]
    };
    let other = world.register(1, "moved").await.unwrap();
    let share = world.share(1, &other, true).await.unwrap();
    world.host(1).withdraw_share(&share, NOW, world.event("share.withdrawn")).await.unwrap();
    let asked = |version: Version| Asked {
        server_id: world.server.id.clone(),
        requester: world.bob.clone(),
        pending: pending(),
        version,
    };
    let late = world.host(0).submit(None, asked(before.version), NOW).await;
    assert_eq!(late, Err(StoreError::Stale));
    assert!(world.shares(&resource).is_empty());
    let now = world.assess(0, &resource);
    let twice = (0..2).map(|host| world.host(host).submit(None, asked(now.version), NOW));
    for outcome in together(twice).await {
        outcome.unwrap();
    }
    let rows = world.shares(&resource);
    assert!(rows.len() == 1 && !rows[0].granted, "{rows:?}");
}

/// However steadily others change what a decision is based on, at a turn it stands until it is written
async fn nobody_comes_between_at_a_turn(world: &World) {
    let (asked, noise) =
        (world.register(0, "steady").await.unwrap(), world.register(0, "noise").await.unwrap());
    world.share(0, &asked, true).await.unwrap();
    for round in 0..ROUNDS {
        let turn = world.host(round).turn().await.unwrap();
        // It waits at its own host or at another one, and comes afterwards.
        let change = world.share(round + 1, &noise, true);
        let grant = async {
            let assessed = world.assess(round, &asked);
            // The other one has begun to wait by now, and nothing has moved.
            let again = world.assess(round + 1, &asked);
            assert_eq!(assessed.version, again.version);
            world.redeem_at(Some(turn), round, &assessed, None).await
        };
        let (share, grant) = tokio::join!(change, grant);
        assert_eq!(grant.unwrap().0, Redemption::Recorded, "round {round}");
        let event = world.event("share.withdrawn");
        world.host(round).withdraw_share(&share.unwrap(), NOW, event).await.unwrap();
        // A turn that is dropped changes nothing and holds nobody up.
        drop(world.host(round).turn().await.unwrap());
    }
}

async fn what_time_has_ended_goes_in_bounded_steps(world: &World) {
    const MANY: usize = 1_200;
    world
        .host(0)
        .write(|tx| {
            let mut insert = tx.prepare("INSERT INTO redeemed (jti, expires_at) VALUES (?1, ?2)")?;
            for number in 0..MANY {
                insert.execute(rusqlite::params![format!("old-{number}"), 5])?;
            }
            insert.execute(rusqlite::params!["young", super::seconds(NOW.plus(100_000))])?;
            Ok(())
        })
        .await
        .unwrap();
    let mut steps = Vec::new();
    loop {
        let removed = world.host(steps.len()).sweep(NOW).await.unwrap();
        if removed == 0 {
            break;
        }
        steps.push(removed);
    }
    assert!(steps.len() >= 3 && steps.iter().all(|step| *step <= 5_000), "{steps:?}");
    assert_eq!(steps.iter().sum::<usize>(), MANY);
    assert!(world.host(1).ticket_spent("young").unwrap());
    assert!(!world.host(1).ticket_spent("old-0").unwrap());
}

async fn the_audit_trail_counts_what_is_repeated_and_forgets_what_is_old(world: &World) {
    let decision = |resource: &str, at: UnixTime| Decision {
        event: "decision.denied",
        realm_id: world.realm.clone(),
        server_id: world.server.id.clone(),
        client_id: world.server.id.clone(),
        requester: world.bob.clone(),
        resource: Some(resource.to_owned()),
        detail: Map::new(),
        at,
        repeats: true,
    };
    let rows = |filter: AuditFilter| {
        let filter = AuditFilter { events: vec!["decision.denied".to_owned()], max: 100, ..filter };
        world.host(1).read(|tx| audit::list(tx, &world.realm, &filter)).unwrap()
    };
    let resource = world.register(0, "refused").await.unwrap();
    for host in 0..4 {
        world.host(host).record_decisions(vec![decision(&resource, NOW); 5]).await.unwrap();
    }
    world
        .host(0)
        .record_decisions(vec![decision("of-nobody", NOW), decision(&resource, NOW.plus(86_400))])
        .await
        .unwrap();
    let all = rows(AuditFilter::default());
    assert_eq!(all.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 1, 20]);
    assert_eq!((&all[2].owner, &all[2].resource), (&Some(world.alice.clone()), &Some(resource.clone())));
    assert_eq!((&all[1].resource, &all[1].detail["asked"]), (&None, &json!("of-nobody")));
    // Counted again it is the newest row, and numbers are never used twice.
    world.host(1).record_decisions(vec![decision(&resource, NOW)]).await.unwrap();
    let after = rows(AuditFilter { after: Some(all[0].id), ..AuditFilter::default() });
    assert_eq!(after.iter().map(|row| row.count).collect::<Vec<_>>(), [21]);
    let owners = rows(AuditFilter { owner: Some(world.alice.clone()), ..AuditFilter::default() });
    assert_eq!(owners.len(), 2);
    let newest = after[0].id;
    while world.host(0).tidy_audit(NOW.plus(10 * 86_400)).await.unwrap() > 0 {}
    assert!(rows(AuditFilter::default()).is_empty());
    world.host(0).record_decisions(vec![decision(&resource, NOW)]).await.unwrap();
    assert!(rows(AuditFilter::default())[0].id > newest);
}

async fn a_page_begins_and_ends_once_and_what_was_said_there_has_its_time(world: &World) {
    let until = NOW.plus(60);
    let page = Interaction {
        client_id: world.server.id.clone(),
        browser: vec![1],
        about: Sealed(vec![2]),
        expires_at: until,
    };
    for round in 0..ROUNDS {
        let ticket = SpentTicket { jti: format!("page-{round}"), expires_at: until };
        let ids: Vec<_> = (0..8).map(|_| Token::random().unwrap()).collect();
        let begin = |(host, id): (usize, &Token)| {
            let (realm, ticket, id, page) = (world.realm.clone(), ticket.clone(), id.clone(), page.clone());
            world.host(host).write(move |tx| gathering::begin(tx, &realm, &ticket, &id, &page))
        };
        let outcomes = together(ids.iter().enumerate().map(begin)).await;
        let won: Vec<_> = outcomes
            .into_iter()
            .zip(&ids)
            .filter(|(outcome, _)| *outcome == Ok(Redemption::Recorded))
            .map(|(_, id)| id.clone())
            .collect();
        let [id] = &won[..] else { panic!("{} pages for one ticket", won.len()) };
        let found =
            |id: &Token, now| world.host(1).read(|tx| gathering::interaction(tx, &world.realm, id, now));
        assert_eq!(found(id, until), Ok(Some(page.clone())));
        assert_eq!(found(id, until.plus(1)), Ok(None));
        assert_eq!(found(&Token::random().unwrap(), NOW), Ok(None));
        let end = |host| {
            let id = id.clone();
            world.host(host).write(move |tx| gathering::end(tx, &id))
        };
        let ended = together((0..8).map(end)).await;
        assert_eq!(ended.into_iter().filter(|ended| *ended == Ok(true)).count(), 1);
        assert_eq!(found(id, NOW), Ok(None));
    }
    let said = Gathered {
        client_id: world.server.id.clone(),
        user_id: world.bob.clone(),
        session_id: "a-session".to_owned(),
        claims: Sealed(vec![3]),
        remember: true,
        expires_at: until,
    };
    let persisted = Persisted {
        client_id: world.server.id.clone(),
        user_id: world.bob.clone(),
        claims: Sealed(vec![4]),
        created_at: NOW,
        expires_at: until,
    };
    let token = Token::random().unwrap();
    let (realm, stored, id) = (world.realm.clone(), (said.clone(), persisted.clone()), token.clone());
    let written = world.host(0).write(move |tx| {
        gathering::put(tx, &realm, "line", &stored.0)?;
        gathering::persist(tx, &realm, &id, &stored.1)
    });
    written.await.unwrap();
    let at = |now| {
        world.host(1).read(|tx| {
            let said = gathering::gathered(tx, &world.realm, "line", now)?;
            Ok((said, gathering::persisted(tx, &world.realm, &token, now)?))
        })
    };
    assert_eq!(at(until).unwrap(), (Some(said), Some(persisted)));
    assert_eq!(at(until.plus(1)).unwrap(), (None, None));
    while world.host(0).sweep(until.plus(1)).await.unwrap() > 0 {}
    // Its rows are gone, not only out of date.
    assert_eq!(at(NOW).unwrap(), (None, None));
}

#[tokio::test]
async fn one_host() {
    let temp = TempStore::new();
    holds(vec![temp.store.clone()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_one_file() {
    let temp = TempStore::new();
    let second = Store::open(temp.store.file()).unwrap();
    holds(vec![temp.store.clone(), second]).await;
}
