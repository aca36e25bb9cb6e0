//! Sign-ins, and how long they last.

use std::collections::BTreeMap;

use countersign_core::time::UnixTime;

use super::{Client, Realm, RealmSettings};

/// A sign-in; tokens name it as `sid`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// 24 base64url characters
    pub id: String,
    /// Whose it is
    pub user_id: String,
    /// When it began
    pub started_at: UnixTime,
    /// When the user last proved on a page who he is: `auth_time`; absent where a client signed him in
    pub auth_time: Option<UnixTime>,
    /// When it was last used: by a refresh or by another sign-in
    pub last_access: UnixTime,
    /// Its last second, however it is used
    pub expires_at: UnixTime,
    /// From where it began
    pub ip_address: Option<String>,
    /// The user wanted to be remembered, which makes it last longer
    pub remember_me: bool,
    /// It outlives the browser: what `offline_access` makes
    pub offline: bool,
    /// What was noted at the sign-in, for mappers
    pub notes: BTreeMap<String, String>,
}

impl Session {
    /// A sign-in that begins now
    pub fn begin(
        id: String,
        realm: &Realm,
        user_id: &str,
        ip_address: Option<String>,
        now: UnixTime,
    ) -> Self {
        let mut session = Self {
            id,
            user_id: user_id.to_owned(),
            started_at: now,
            auth_time: Some(now),
            last_access: now,
            expires_at: now,
            ip_address,
            remember_me: false,
            offline: false,
            notes: BTreeMap::new(),
        };
        session.expires_at = session.end(realm);
        session
    }

    /// The same, for a user who wants to be remembered
    #[must_use]
    pub fn remembered(mut self, realm: &Realm) -> Self {
        self.remember_me = true;
        self.expires_at = self.end(realm);
        self
    }

    /// The offline session that goes on from this sign-in
    #[must_use]
    pub fn offline(&self, id: String, realm: &Realm, now: UnixTime) -> Self {
        let mut session = Self { id, started_at: now, last_access: now, offline: true, ..self.clone() };
        session.expires_at = session.end(realm);
        session
    }

    /// The same, used now
    #[must_use]
    pub fn used(mut self, realm: &Realm, now: UnixTime) -> Self {
        self.last_access = self.last_access.max(now);
        self.expires_at = self.end(realm);
        self
    }

    /// Whether it still goes on: it is neither too old nor was it left alone for too long
    pub fn is_live(&self, realm: &Realm, now: UnixTime) -> bool {
        now <= self.end(realm) && now <= self.last_access.plus(self.idle(&realm.settings))
    }

    /// Seconds that it may be left alone
    fn idle(&self, settings: &RealmSettings) -> u64 {
        if self.offline {
            settings.offline_session_idle_timeout
        } else {
            longer(
                settings.sso_session_idle_timeout,
                self.remember_me,
                settings.sso_session_idle_timeout_remember_me,
            )
        }
    }

    /// Its last second as the realm's settings are now
    fn end(&self, realm: &Realm) -> UnixTime {
        let settings = &realm.settings;
        if !self.offline {
            let life = longer(
                settings.sso_session_max_lifespan,
                self.remember_me,
                settings.sso_session_max_lifespan_remember_me,
            );
            return self.started_at.plus(life);
        }
        if settings.offline_session_max_lifespan_enabled {
            self.started_at.plus(settings.offline_session_max_lifespan)
        } else {
            // It ends only where nobody uses it.
            self.last_access.plus(settings.offline_session_idle_timeout)
        }
    }

    /// Last second of a client's part in it, however it is used
    pub fn last_second(&self, realm: &Realm, client: &Client, part: &ClientSession) -> UnixTime {
        let settings = &realm.settings;
        let life = if self.offline {
            own(client, "client.offline.session.max.lifespan")
                .or_else(|| set(settings.client_offline_session_max_lifespan))
                .filter(|_| settings.offline_session_max_lifespan_enabled)
        } else {
            own(client, "client.session.max.lifespan").or_else(|| set(settings.client_session_max_lifespan))
        };
        let end = self.end(realm);
        life.map_or(end, |life| end.min(part.started_at.plus(life)))
    }

    /// Last second of a refresh token that is made now: whichever of the limits of the client, of the realm for clients
    /// and of the sign-in comes first
    pub fn refresh_until(
        &self,
        realm: &Realm,
        client: &Client,
        part: &ClientSession,
        now: UnixTime,
    ) -> UnixTime {
        let settings = &realm.settings;
        let idle = if self.offline {
            own(client, "client.offline.session.idle.timeout")
                .or_else(|| set(settings.client_offline_session_idle_timeout))
        } else {
            own(client, "client.session.idle.timeout").or_else(|| set(settings.client_session_idle_timeout))
        };
        now.plus(idle.unwrap_or_else(|| self.idle(settings))).min(self.last_second(realm, client, part))
    }
}

/// A number of seconds among the attributes of a client
fn own(client: &Client, name: &str) -> Option<u64> {
    client.attribute(name).and_then(|text| text.parse().ok()).and_then(set)
}

/// Zero means that nothing is set
fn set(seconds: u64) -> Option<u64> {
    (seconds > 0).then_some(seconds)
}

/// What counts for those who want to be remembered is never less than what counts for others
fn longer(usual: u64, remember_me: bool, remembered: u64) -> u64 {
    if remember_me { usual.max(remembered) } else { usual }
}

/// A client's part in a sign-in: without it, its tokens of that sign-in are dead
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSession {
    /// Internal id of the client
    pub client_id: String,
    /// When it first got tokens
    pub started_at: UnixTime,
    /// When it last got some
    pub refreshed_at: UnixTime,
    /// `acr` of its tokens
    pub acr: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::ClientSettings;

    fn begun(realm: &Realm) -> Session {
        Session::begin("s".to_owned(), realm, "u", None, UnixTime(1_000))
    }

    #[test]
    fn a_session_ends_when_it_is_left_alone_or_too_old() {
        let realm = Realm::with(RealmSettings {
            sso_session_idle_timeout: 10,
            sso_session_max_lifespan: 25,
            ..RealmSettings::default()
        });
        let session = begun(&realm);
        assert!(session.is_live(&realm, UnixTime(1_010)));
        assert!(!session.is_live(&realm, UnixTime(1_011)));
        let session = session.used(&realm, UnixTime(1_010)).used(&realm, UnixTime(1_020));
        assert!(session.is_live(&realm, UnixTime(1_025)));
        assert!(!session.is_live(&realm, UnixTime(1_026)));
    }

    #[test]
    fn to_be_remembered_never_makes_it_shorter() {
        let settings = RealmSettings {
            sso_session_idle_timeout: 10,
            sso_session_max_lifespan: 25,
            sso_session_idle_timeout_remember_me: 5,
            sso_session_max_lifespan_remember_me: 100,
            ..RealmSettings::default()
        };
        let realm = Realm::with(settings);
        let session = begun(&realm).remembered(&realm);
        assert_eq!(session.expires_at, UnixTime(1_100));
        assert!(session.is_live(&realm, UnixTime(1_010)));
    }

    #[test]
    fn an_offline_session_goes_on_while_it_is_used() {
        let mut realm =
            Realm::with(RealmSettings { offline_session_idle_timeout: 100, ..RealmSettings::default() });
        let session = begun(&realm).offline("o".to_owned(), &realm, UnixTime(2_000));
        assert_eq!(session.auth_time, Some(UnixTime(1_000)));
        assert!(session.is_live(&realm, UnixTime(2_100)));
        assert!(!session.is_live(&realm, UnixTime(2_101)));
        assert_eq!(session.clone().used(&realm, UnixTime(2_100)).expires_at, UnixTime(2_200));
        realm.settings.offline_session_max_lifespan_enabled = true;
        realm.settings.offline_session_max_lifespan = 150;
        assert!(!session.used(&realm, UnixTime(2_100)).is_live(&realm, UnixTime(2_151)));
    }

    #[test]
    fn a_refresh_token_lives_as_long_as_the_strictest_limit_says() {
        let mut realm = Realm::with(RealmSettings::default());
        let session = begun(&realm);
        let mut client = Client {
            id: "c".to_owned(),
            client_id: "c".to_owned(),
            enabled: true,
            secret: None,
            not_before: UnixTime(0),
            settings: ClientSettings::default(),
        };
        let part = ClientSession {
            client_id: "c".to_owned(),
            started_at: UnixTime(1_000),
            refreshed_at: UnixTime(1_000),
            acr: "1".to_owned(),
        };
        let until = |realm: &Realm, client: &Client, session: &Session| {
            session.refresh_until(realm, client, &part, UnixTime(1_500)).0
        };
        assert_eq!(until(&realm, &client, &session), 3_300);
        realm.settings.client_session_idle_timeout = 600;
        assert_eq!(until(&realm, &client, &session), 2_100);
        realm.settings.client_session_max_lifespan = 700;
        assert_eq!(until(&realm, &client, &session), 1_700);
        client.settings.attributes.insert("client.session.max.lifespan".to_owned(), "650".to_owned());
        assert_eq!(until(&realm, &client, &session), 1_650);
        let offline = session.offline("o".to_owned(), &realm, UnixTime(1_200));
        assert_eq!(until(&realm, &client, &offline), 1_200_u64 + 2_592_000);
    }
}
