//! What a script sees, and that nothing it does lasts long or reaches far.

use std::{rc::Rc, time::Instant};

use serde_json::{Value, json};

use super::*;

fn subject() -> Value {
    json!({
        "server": { "id": "rs", "clientId": "documents" },
        "identity": { "id": "bob", "attributes": {
            "email": ["bob@test.example"], "kc.realm.roles": ["user"], "kc.client.documents.roles": ["editor"],
        } },
        "context": { "kc.client.network.ip_address": ["127.0.0.1"], "withdrawal.amount": ["99.5"], "n": ["7", "x"] },
        "claims": { "pushed": ["one"] },
        "resource": {
            "id": "r1", "name": "Album", "displayName": null, "type": "album", "iconUri": null, "owner": "alice",
            "ownerManagedAccess": true, "uris": ["/a", "/b"],
            "scopes": [{ "id": "s1", "name": "view", "displayName": null, "iconUri": null }],
            "attributes": { "a1": ["1", "2"], "a2": ["3"] },
        },
        "scopes": [{ "id": "s1", "name": "view", "displayName": "See", "iconUri": null }],
        "policy": { "id": "p", "name": "Policy", "type": "js", "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS" },
    })
}

fn on(subject: &Value, code: &str) -> Result<Verdict, Mishap> {
    let ask: Rc<Ask> = Rc::new(|question| match question {
        r#"{"getUserGroups":["bob"]}"# => Some(r#"["/staff"]"#.to_owned()),
        r#"{"getUserAttributes":["nobody"]}"# => Some("null".to_owned()),
        r#"{"isUserInGroup":["bob","/staff",true]}"# => Some("true".to_owned()),
        _ => None,
    });
    run(code, subject.to_string(), ask)
}

/// Whether an expression is true for the script
#[track_caller]
fn holds(expression: &str) {
    let code = format!("if ({expression}) {{ $evaluation.grant(); }}");
    assert_eq!(on(&subject(), &code).map(|verdict| verdict.permits), Ok(true), "{expression}");
}

#[track_caller]
fn fails(code: &str) -> Mishap {
    on(&subject(), code).expect_err(code)
}

#[test]
fn the_last_word_counts_and_silence_is_no() {
    let permits = |code| on(&subject(), code).map(|verdict| verdict.permits);
    assert_eq!(permits("$evaluation.grant()"), Ok(true));
    assert_eq!(permits("$evaluation.deny()"), Ok(false));
    assert_eq!(permits("$evaluation.grant(); $evaluation.deny()"), Ok(false));
    assert_eq!(permits("$evaluation.grant(); $evaluation.denyIfNoEffect()"), Ok(true));
    assert_eq!(permits("var x = 1;"), Ok(false));
}

#[test]
fn everything_that_keycloak_shows_is_there_by_getter_and_by_property() {
    for expression in [
        "$evaluation.getPermission().getResource().getOwner().equals('alice')",
        "$evaluation.permission.resource.owner == 'alice'",
        "$evaluation.permission.resource.name.equalsIgnoreCase('ALBUM')",
        "$evaluation.getPermission().getResource().getDisplayName() === null",
        "$evaluation.permission.resource.isOwnerManagedAccess() && $evaluation.permission.resource.ownerManagedAccess",
        "$evaluation.permission.resource.uri === '/a' && $evaluation.permission.resource.getUris().contains('/b')",
        "$evaluation.permission.resource.getAttributes().size() == 2",
        "$evaluation.permission.resource.attributes.get('a1').size() == 2",
        "$evaluation.permission.resource.attributes['a2'].get(0).equals('3')",
        "$evaluation.permission.resource.getAttribute('a1')[1] === '2'",
        "$evaluation.permission.resource.getSingleAttribute('a2').equals('3')",
        "$evaluation.permission.resource.getAttribute('none') === null",
        "$evaluation.permission.resource.getScopes().get(0).getName() == 'view'",
        "$evaluation.getPermission().getScopes().iterator().next().displayName == 'See'",
        "$evaluation.getPermission().getClaims().get('pushed').contains('one')",
        "$evaluation.permission.resourceServer.clientId == 'documents'",
        "$evaluation.context.identity.id == 'bob'",
        "$evaluation.getContext().getIdentity().hasRealmRole('user')",
        "!$evaluation.getContext().getIdentity().hasRealmRole('admin')",
        "$evaluation.context.identity.hasClientRole('documents', 'editor')",
        "$evaluation.context.identity.attributes.getValue('email').asString(0).endsWith('@test.example')",
        "$evaluation.context.attributes.containsValue('kc.client.network.ip_address', '127.0.0.1')",
        "$evaluation.context.attributes.getValue('withdrawal.amount').asDouble(0) <= 100",
        "$evaluation.context.attributes.getValue('n').asInt(0) === 7",
        "$evaluation.context.attributes.getValue('none') === null && !$evaluation.context.attributes.exists('none')",
        "$evaluation.context.attributes.toMap().containsKey('n')",
        "$evaluation.policy.name == 'Policy'",
        "$evaluation.realm.getUserGroups('bob').contains('/staff')",
        "$evaluation.getRealm().isUserInGroup('bob', '/staff')",
        "'abc'.matches('[a-c]+') && !'abcd'.matches('[a-c]+') && 'abc'.contains('b') && ''.isEmpty()",
    ] {
        holds(expression);
    }
}

#[test]
fn a_question_of_scopes_alone_has_no_resource() {
    let mut subject = subject();
    subject["resource"] = Value::Null;
    let code = "if (!$evaluation.permission.resource) { $evaluation.grant(); }";
    assert!(on(&subject, code).unwrap().permits);
}

#[test]
fn claims_are_added_and_read_back() {
    let code = "var p = $evaluation.getPermission(); p.addClaim('a', '1'); p.addClaim('a', '2'); p.addClaim('a', '2');
                p.addClaim('pushed', 'two');
                if (p.getClaims().get('a').size() == 2 && p.getClaims().get('pushed').size() == 2) $evaluation.grant();";
    let verdict = on(&subject(), code).unwrap();
    assert!(verdict.permits);
    assert_eq!(verdict.claims["a"], ["1", "2"]);
    assert_eq!(verdict.claims["pushed"], ["two"]);
    let endless = "for (;;) $evaluation.permission.addClaim('c' + Math.random(), 'x'.repeat(100))";
    assert!(matches!(fails(endless), Mishap::Threw(text) if text.contains("too many claims")));
}

#[test]
fn whatever_would_change_something_throws() {
    for code in [
        "$evaluation.getPermission().getResource().setName('test')",
        "$evaluation.permission.resource.name = 'test'",
        "$evaluation.permission.resource.attributes.put('a', 'b')",
        "$evaluation.permission.resource.getAttributes()['a1'] = []",
        "$evaluation.permission.resource.getAttribute('a1').add('x')",
        "$evaluation.permission.resource.getAttribute('a1').push('x')",
        "$evaluation.permission.resource.getAttribute('a1')[0] = 'x'",
        "$evaluation.permission.resource.getAttribute('a1').reverse()",
        "$evaluation.permission.scopes.clear()",
        "delete $evaluation.permission.resource.name",
        "$evaluation.context.identity.id = 'alice'",
        "$evaluation.context.identity.attributes.toMap().put('email', 'x')",
        "Object.defineProperty($evaluation, 'grant', { value: 1 })",
        "Object.setPrototypeOf($evaluation.context.identity, null)",
        "'use strict'; $evaluation = null",
    ] {
        let code = format!("{code}; $evaluation.grant();");
        assert!(matches!(fails(&code), Mishap::Threw(_)), "{code}");
    }
}

#[test]
fn what_throws_says_so_on_one_line() {
    let told = |code: &str| {
        let Mishap::Threw(text) = fails(code) else { panic!("it did not throw") };
        text
    };
    let text = told("\n\nthrow new Error('a\\nb')");
    assert!(text.starts_with("a b at <eval>") && text.contains(":3:"), "{text}");
    assert!(matches!(fails("var x = ;"), Mishap::Threw(text) if text.contains("eval_script:1")));
    assert!(matches!(fails("throw 1"), Mishap::Threw(_)));
    assert!(matches!(fails("throw new Error('x'.repeat(1e6))"), Mishap::Threw(text) if text.len() <= 200));
    assert!(matches!(fails("$evaluation.realm.getUserAttributes('nobody')"), Mishap::Threw(_)));
    assert!(matches!(fails("$evaluation.context.attributes.getValue('n').asInt(1)"), Mishap::Threw(_)));
}

#[test]
fn nothing_outside_can_be_reached() {
    for name in [
        "require",
        "process",
        "java",
        "Java",
        "Packages",
        "load",
        "fetch",
        "XMLHttpRequest",
        "setTimeout",
        "std",
        "os",
        "console",
        "WebAssembly",
        "Worker",
        "importScripts",
        "performance",
    ] {
        holds(&format!("typeof {name} === 'undefined'"));
    }
    assert!(matches!(fails("import('x').then(); null.x"), Mishap::Threw(_)));
}

#[test]
fn what_loops_grows_or_recurses_ends_soon() {
    for code in [
        "for (;;) {}",
        "try { for (;;) {} } catch (e) { $evaluation.grant(); } finally { for (;;) {} }",
        "var a = []; for (;;) a.push(new Array(1000).fill(1))",
        "var s = 'x'; for (;;) s += s",
        "(function f() { f() })()",
        "/(a+)+$/.test('a'.repeat(40) + 'b'); for (;;) {}",
        "new Promise(function () { for (;;) {} })",
        "$evaluation.grant(); [1].map(function f() { return [1].map(f) })",
    ] {
        let begin = Instant::now();
        let _: Mishap = fails(code);
        assert!(begin.elapsed().as_secs() < 20, "{code}");
    }
    assert_eq!(fails("for (;;) {}"), Mishap::TooLong);
}

#[test]
fn nothing_of_one_run_is_left_for_the_next() {
    let first = "globalThis.left = 1; Object.prototype.left = 1; Array.prototype.includes = function () { return true }";
    assert!(!on(&subject(), first).unwrap().permits);
    holds("typeof left === 'undefined' && ({}).left === undefined && ![1].includes(2)");
}

#[test]
fn a_program_is_told_from_what_is_none() {
    assert_eq!(check("var a = 1; $evaluation.grant();"), Ok(()));
    assert_eq!(check("for (;;) {} // never run"), Ok(()));
    assert!(matches!(check("if ("), Err(Mishap::Threw(_))));
    assert!(matches!(check("}); for (;;) {} (function () {"), Err(Mishap::TooLong | Mishap::Threw(_))));
}
