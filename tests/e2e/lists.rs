//! Long lists go on after an entry (`after`), beside Keycloak's `first` and `max`.

use countersign_tests::world::World;
use serde_json::Value;

/// Ids of a list's entries, part by part: each part is what comes after the last entry of the one before, and what came
/// before that entry may be gone by then
fn walked(list: impl Fn(&str) -> Value, id: &str, gone: impl Fn(&str)) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let part = list(&all.last().map_or_else(|| "max=2".to_owned(), |last| format!("max=2&after={last}")));
        let part: Vec<String> = part
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().or_else(|| one[id].as_str()).unwrap().to_owned())
            .collect();
        assert!(part.len() <= 2, "{part:?}");
        match part.first() {
            None => return all,
            Some(first) if part.len() == 2 => gone(first),
            Some(_) => {}
        }
        all.extend(part);
    }
}

/// Lists go on after the entry that came last, whatever has become of those before it; `first` and `max` count entries
#[test]
fn parts_of_a_list_follow_the_last_entry() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.token("alice"));
    let mut shares = Vec::new();
    for name in ["e", "a", "d", "b", "c"] {
        let id = world.document(name);
        shares.push(world.share(&id, "read", "bob").as_str().unwrap().to_owned());
    }
    shares.sort();
    let read = |path: &str, token: &str| world.protection("GET", path, token).send().expect(200).json();

    let rows = walked(|part| read(&format!("permission/ticket?{part}"), &pat), "id", |_| {});
    assert_eq!(rows, shares);
    let views = walked(|part| read(&format!("uma-policy?{part}"), &alice), "id", |_| {});
    assert_eq!(views.len(), 5, "{views:?}");
    let ids = walked(
        |part| read(&format!("resource_set?{part}"), &pat),
        "_id",
        |id| {
            let deleted = world.protection("DELETE", &format!("resource_set/{id}"), &pat).send();
            _ = deleted.expect(204);
        },
    );
    // By `first` alone, `c` and `e` would have been passed over.
    assert_eq!(ids.len(), 5, "{ids:?}");
    let left = read("resource_set?deep=true", &pat);
    let names: Vec<_> = left.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["b", "d", "e"]);
    // What is gone is no place to go on from: then `first` counts.
    let gone = &ids[0];
    assert_eq!(read(&format!("resource_set?first=1&after={gone}"), &pat).as_array().map(Vec::len), Some(2));
}
