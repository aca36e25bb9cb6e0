//! The cases of Keycloak's own tests by their ids (behaviours §3), one module a group.

mod claims;
mod conflict;
mod discovery;
mod entitlement;
mod fault;
mod flow;
mod grant;
mod guide;
mod owner_policy;
mod permission;
mod provider;
mod regression;
mod represented;
mod resource;
mod scope;
mod search;

use std::{collections::BTreeSet, fs, path::Path};

/// Every case of the groups that concern UMA clients and resource servers, and the rows of wire §13.1 but for N39,
/// which is a guard's
const CASES: &[(&str, &[u32])] = &[
    ("disc", &[1, 2]),
    ("grant", &[1, 2, 3, 6, 7, 8, 9, 12, 13, 15]),
    ("perm", &[1, 2, 3, 4, 5, 6, 9, 10, 12, 13, 14, 16, 17]),
    ("tick", &[1, 3, 5, 6]),
    ("umaf", &[1, 2, 4, 6, 8, 9]),
    ("pol", &[1, 3, 4, 5, 7, 8, 9, 11, 12, 14, 15]),
    ("res", &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]),
    (
        "ent",
        &[
            1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 18, 19, 20, 21, 24, 27, 28, 29, 31, 32, 33, 34, 35,
            37, 38, 39, 40, 41, 42, 43, 44, 45,
        ],
    ),
    ("strat", &[1, 2, 4]),
    ("clm", &[1, 2, 3]),
    ("prov", &[1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 16, 17, 18]),
    ("sec", &[1, 3, 4, 6, 10, 11, 14, 18]),
    (
        "n",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
            27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40,
        ],
    ),
];

/// Names of the tests of a file or folder
fn tests(place: &Path, names: &mut Vec<String>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            tests(&entry.unwrap().path(), names);
        }
        return;
    }
    let text = fs::read_to_string(place).unwrap();
    for test in text.split("#[test]").skip(1) {
        let name = test.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
        names.push(
            name.unwrap_or_else(|| panic!("a test without a name in {}", place.display())).0.to_owned(),
        );
    }
}

/// The cases that a name carries: `ent_1_and_2_…`, `ent_10_to_13_…`, `perm_17_sec_5_…`
fn cases(name: &str) -> Vec<(String, u32)> {
    let mut found: Vec<(String, u32)> = Vec::new();
    let words: Vec<_> = name.split('_').collect();
    for (place, word) in words.iter().enumerate() {
        let Ok(number) = word.parse::<u32>() else { continue };
        let group = |back: usize| place.checked_sub(back).and_then(|at| words.get(at)).copied();
        match (group(1), found.last().cloned()) {
            (Some("and"), Some((group, _))) => found.push((group, number)),
            (Some("to"), Some((group, first))) => {
                found.extend((first + 1..=number).map(|number| (group.clone(), number)));
            }
            (Some(word), _) if CASES.iter().any(|(group, _)| *group == word) => {
                found.push((word.to_owned(), number));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_case_has_a_test_of_its_name() {
    let mut names = Vec::new();
    tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e"), &mut names);
    let there: BTreeSet<_> = names.iter().flat_map(|name| cases(name)).collect();
    let wanted =
        CASES.iter().flat_map(|(group, numbers)| numbers.iter().map(|number| ((*group).to_owned(), *number)));
    let wanted: BTreeSet<_> = wanted.collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "no test of {missing:?}");
    assert!(wanted.len() > 150);
}

#[test]
fn names_carry_cases() {
    let carried = |name: &str| {
        cases(name).iter().map(|(group, number)| format!("{group} {number}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(carried("ent_1_and_2_names_are_left_out"), "ent 1, ent 2");
    assert_eq!(carried("ent_10_to_12_a_limit_of_10"), "ent 10, ent 11, ent 12");
    assert_eq!(carried("perm_17_sec_6_lists"), "perm 17, sec 6");
    assert_eq!(carried("design_5_n_28"), "n 28");
    assert_eq!(carried("a_ticket_of_300_seconds"), "");
}
