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
    /// Something that nobody can do here
    Elsewhere,
}

/// An action that somebody has to carry out
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// As his list and the client name it
    pub alias: String,
    /// What administrators call it
    pub name: String,
    /// What it is
    pub task: Task,
}

/// The choice of another password, in Keycloak's words
pub const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";
/// The setting up of an authenticator app
pub const CONFIGURE_TOTP: &str = "CONFIGURE_TOTP";

/// The proof that an address is hers; done where somebody has said that it is
pub const VERIFY_EMAIL: &str = "VERIFY_EMAIL";

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
    known.into_iter().find_map(|action| {
        let task = task(&action, realm, user)?;
        Some(Required { alias: action.alias, name: action.name, task })
    })
}

/// What a client asks a user to do (`kc_action`), if that can be done here and the realm has it
pub fn asked(realm: &Realm, alias: &str) -> Option<Required> {
    let action =
        actions(&realm.settings).into_iter().find(|action| action.alias == alias && action.enabled)?;
    let task = known(&action.provider_id).filter(|task| *task != Task::Elsewhere)?;
    Some(Required { alias: action.alias, name: action.name, task })
}

/// The actions of a realm
pub fn actions(settings: &RealmSettings) -> Vec<RequiredAction> {
    settings.required_actions.clone().unwrap_or_else(usual_actions)
}

/// Aliases of what keeps everybody out who has to do it: the realm wants it, and nobody here can do it
pub fn undoable(settings: &RealmSettings) -> BTreeSet<String> {
    let all = actions(settings).into_iter().filter(|action| action.enabled);
    all.filter(|action| known(&action.provider_id) == Some(Task::Elsewhere))
        .map(|action| action.alias)
        .collect()
}

/// Aliases of what everybody who is new has to do
pub fn of_new_users(realm: &Realm) -> Vec<String> {
    let all = actions(&realm.settings).into_iter();
    all.filter(|action| action.enabled && action.default_action).map(|action| action.alias).collect()
}

/// What an action is for a user; nothing where it is done already
fn task(action: &RequiredAction, realm: &Realm, user: &User) -> Option<Task> {
    match action.provider_id.as_str() {
        VERIFY_EMAIL if user.email_verified => None,
        "VERIFY_PROFILE" if profile::of(realm).is_filled(user) => None,
        provider => known(provider),
    }
}

fn known(provider: &str) -> Option<Task> {
    match provider {
        CONFIGURE_TOTP => Some(Task::NewOneTimeCode),
        // The second name is that of releases before 21.
        "TERMS_AND_CONDITIONS" | "terms_and_conditions" => Some(Task::Terms),
        UPDATE_PASSWORD => Some(Task::NewPassword),
        "UPDATE_PROFILE" | "VERIFY_PROFILE" => Some(Task::Profile),
        REGISTER => Some(Task::NewPasskey),
        // It asks nobody anything.
        "update_user_locale" => None,
        _ => Some(Task::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::time::UnixTime;

    use super::*;
    use crate::{realm::UmaSettings, store::user::people::UserRecord};

    fn realm(change: impl FnOnce(&mut Vec<RequiredAction>)) -> Realm {
        let mut actions = usual_actions();
        change(&mut actions);
        Realm {
            id: "r".to_owned(),
            name: "r".to_owned(),
            enabled: true,
            version: 0,
            not_before: UnixTime(0),
            settings: RealmSettings { required_actions: Some(actions), ..RealmSettings::default() },
            uma: UmaSettings::default(),
        }
    }

    fn first(realm: &Realm, user: &User, listed: &[&str]) -> Option<Task> {
        let listed: Vec<_> = listed.iter().map(|alias| (*alias).to_owned()).collect();
        first_of(realm, user, &listed).map(|required| required.task)
    }

    #[test]
    fn the_realm_says_what_counts_and_what_comes_first() {
        let user = UserRecord::named("alice", UnixTime(0)).user;
        let usual = realm(|_| {});
        let both = ["UPDATE_PASSWORD", "CONFIGURE_TOTP"];
        assert_eq!(first(&usual, &user, &both), Some(Task::NewOneTimeCode));
        let other = realm(|actions| {
            for action in actions.iter_mut().filter(|action| action.alias == UPDATE_PASSWORD) {
                action.priority = 1;
            }
        });
        assert_eq!(first(&other, &user, &both), Some(Task::NewPassword));
        let off = realm(|actions| actions.iter_mut().for_each(|action| action.enabled = false));
        assert_eq!(first(&off, &user, &both), None);
        assert_eq!(first(&usual, &user, &["TERMS_AND_CONDITIONS", "nobody-knows-it"]), None);
    }

    #[test]
    fn what_nobody_can_do_here_keeps_out_and_what_is_done_does_not() {
        let usual = realm(|_| {});
        let mut user = UserRecord::named("alice", UnixTime(0)).user;
        assert_eq!(first(&usual, &user, &["VERIFY_EMAIL"]), Some(Task::Elsewhere));
        assert_eq!(first(&usual, &user, &["VERIFY_PROFILE"]), Some(Task::Profile));
        assert_eq!(first(&usual, &user, &["update_user_locale"]), None);
        user.email_verified = true;
        for (member, value) in
            [(&mut user.email, "a@b"), (&mut user.first_name, "A"), (&mut user.last_name, "B")]
        {
            *member = Some(value.to_owned());
        }
        assert_eq!(first(&usual, &user, &["VERIFY_EMAIL", "VERIFY_PROFILE"]), None);
        assert_eq!(first(&usual, &user, &["UPDATE_PROFILE"]), Some(Task::Profile));
        // A client cannot have it done.
        assert_eq!(asked(&usual, "VERIFY_EMAIL"), None);
        assert_eq!(asked(&usual, "TERMS_AND_CONDITIONS"), None, "switched off as it comes");
        assert_eq!(asked(&usual, "UPDATE_PROFILE").map(|required| required.task), Some(Task::Profile));
    }
}
