//! What somebody has to do before he is signed in, beyond showing who he is (required actions, `admin-surface` §9).
//!
//! A user's list names actions by their aliases; the realm says which of them count, and in which order. One that the realm
//! has switched off or does not have is passed over, as in Keycloak. One that counts and that nobody here can do keeps
//! him out.

use std::collections::BTreeSet;

use rusqlite::Transaction;

use super::passkey::REGISTER;
use crate::{
    profile,
    realm::{Realm, RealmSettings, User},
    representation::event::{RequiredAction, usual_actions},
    store::{self, StoreError},
};

/// What somebody has to do
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To set up an authenticator app
    NewOneTimeCode,
    /// To agree to the terms
    Terms,
    /// To choose another password
    NewPassword,
    /// To say what he is called
    Profile,
    /// To make a passkey
    NewPasskey,
}

/// An action that somebody has to carry out
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Required {
    /// There is a page for it
    Here(Todo),
    /// Nobody can do it here
    Elsewhere(Undoable),
}

/// An action that somebody can carry out here
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    /// As his list and the client name it
    pub alias: String,
    /// What it is
    pub task: Task,
}

/// An action that keeps somebody out, because nobody can carry it out here
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoable {
    /// As his list names it
    pub alias: String,
    /// What administrators call it
    pub name: String,
}

/// The choice of another password, in Keycloak's words
pub const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";
/// The proof that an address is hers; done where somebody has said that it is
pub const VERIFY_EMAIL: &str = "VERIFY_EMAIL";
/// The choice of a language, which asks nobody anything
const UPDATE_LOCALE: &str = "update_user_locale";

/// The first thing that a user has to do
pub fn first(tx: &Transaction<'_>, realm: &Realm, user: &User) -> Result<Option<Required>, StoreError> {
    let listed = store::sign_in::required_actions(tx, &user.id)?;
    // Hardly anybody has one: nothing is looked up for those who have not.
    Ok(if listed.is_empty() { None } else { first_of(realm, user, &listed) })
}

fn first_of(realm: &Realm, user: &User, listed: &[String]) -> Option<Required> {
    let mut known = actions(&realm.settings);
    known.retain(|action| action.enabled && listed.contains(&action.alias));
    known.sort_by_key(|action| action.priority);
    known.into_iter().find(|action| !is_done(action, realm, user)).map(required)
}

fn required(action: RequiredAction) -> Required {
    let RequiredAction { alias, name, .. } = action;
    match known(&action.provider_id) {
        Some(task) => Required::Here(Todo { alias, task }),
        None => Required::Elsewhere(Undoable { alias, name }),
    }
}

/// What a client asks a user to do (`kc_action`), if that can be done here and the realm has it
pub fn asked(realm: &Realm, alias: &str) -> Option<Todo> {
    let action =
        actions(&realm.settings).into_iter().find(|action| action.alias == alias && action.enabled)?;
    Some(Todo { task: known(&action.provider_id)?, alias: action.alias })
}

/// The actions of a realm
pub fn actions(settings: &RealmSettings) -> Vec<RequiredAction> {
    settings.required_actions.clone().unwrap_or_else(usual_actions)
}

/// Aliases of what keeps everybody out who has to do it: the realm wants it, and nobody here can do it
pub fn undoable(settings: &RealmSettings) -> BTreeSet<String> {
    let all = actions(settings).into_iter().filter(|action| action.enabled);
    all.filter(|action| action.provider_id != UPDATE_LOCALE && known(&action.provider_id).is_none())
        .map(|action| action.alias)
        .collect()
}

/// Aliases of what everybody who is new has to do
pub fn of_new_users(realm: &Realm) -> Vec<String> {
    let all = actions(&realm.settings).into_iter();
    all.filter(|action| action.enabled && action.default_action).map(|action| action.alias).collect()
}

/// Whether a user has nothing left to do of an action on his list
fn is_done(action: &RequiredAction, realm: &Realm, user: &User) -> bool {
    match action.provider_id.as_str() {
        VERIFY_EMAIL => user.email_verified,
        "VERIFY_PROFILE" => profile::of(realm).is_filled(user),
        provider => provider == UPDATE_LOCALE,
    }
}

/// What an action is; nothing where nobody can carry it out here
fn known(provider: &str) -> Option<Task> {
    match provider {
        "CONFIGURE_TOTP" => Some(Task::NewOneTimeCode),
        // The second name is that of releases before 21.
        "TERMS_AND_CONDITIONS" | "terms_and_conditions" => Some(Task::Terms),
        UPDATE_PASSWORD => Some(Task::NewPassword),
        "UPDATE_PROFILE" | "VERIFY_PROFILE" => Some(Task::Profile),
        REGISTER => Some(Task::NewPasskey),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::time::UnixTime;

    use super::*;
    use crate::store::user::people::UserRecord;

    fn realm(change: impl FnOnce(&mut Vec<RequiredAction>)) -> Realm {
        let mut actions = usual_actions();
        change(&mut actions);
        Realm::with(RealmSettings { required_actions: Some(actions), ..RealmSettings::default() })
    }

    fn first(realm: &Realm, user: &User, listed: &[&str]) -> Option<Required> {
        let listed: Vec<_> = listed.iter().map(|alias| (*alias).to_owned()).collect();
        first_of(realm, user, &listed)
    }

    fn task(realm: &Realm, user: &User, listed: &[&str]) -> Option<Task> {
        match first(realm, user, listed)? {
            Required::Here(todo) => Some(todo.task),
            Required::Elsewhere(undoable) => panic!("{undoable:?}"),
        }
    }

    #[test]
    fn the_realm_says_what_counts_and_what_comes_first() {
        let user = UserRecord::named("alice", UnixTime(0)).user;
        let usual = realm(|_| {});
        let both = ["UPDATE_PASSWORD", "CONFIGURE_TOTP"];
        assert_eq!(task(&usual, &user, &both), Some(Task::NewOneTimeCode));
        let other = realm(|actions| {
            for action in actions.iter_mut().filter(|action| action.alias == UPDATE_PASSWORD) {
                action.priority = 1;
            }
        });
        assert_eq!(task(&other, &user, &both), Some(Task::NewPassword));
        let off = realm(|actions| actions.iter_mut().for_each(|action| action.enabled = false));
        assert_eq!(first(&off, &user, &both), None);
        assert_eq!(first(&usual, &user, &["TERMS_AND_CONDITIONS", "nobody-knows-it"]), None);
    }

    #[test]
    fn what_nobody_can_do_here_keeps_out_and_what_is_done_does_not() {
        let usual = realm(|_| {});
        let mut user = UserRecord::named("alice", UnixTime(0)).user;
        let undoable = Undoable { alias: VERIFY_EMAIL.to_owned(), name: "Verify Email".to_owned() };
        assert_eq!(first(&usual, &user, &[VERIFY_EMAIL]), Some(Required::Elsewhere(undoable)));
        assert_eq!(task(&usual, &user, &["VERIFY_PROFILE"]), Some(Task::Profile));
        assert_eq!(first(&usual, &user, &["update_user_locale"]), None);
        user.email_verified = true;
        for (member, value) in
            [(&mut user.email, "a@b"), (&mut user.first_name, "A"), (&mut user.last_name, "B")]
        {
            *member = Some(value.to_owned());
        }
        assert_eq!(first(&usual, &user, &[VERIFY_EMAIL, "VERIFY_PROFILE"]), None);
        assert_eq!(task(&usual, &user, &["UPDATE_PROFILE"]), Some(Task::Profile));
        // A client cannot have it done.
        assert_eq!(asked(&usual, VERIFY_EMAIL), None);
        assert_eq!(asked(&usual, "TERMS_AND_CONDITIONS"), None, "switched off as it comes");
        assert_eq!(asked(&usual, "UPDATE_PROFILE").map(|todo| todo.task), Some(Task::Profile));
    }
}
