//! Guessing is slowed down, and nobody is locked out for good.
//!
//! Wrong passwords and one-time codes are counted for the user and for the address they come from. From so many on
//! (`failureFactor`), each one makes the next wait (`waitIncrementSeconds`, longer with every further `failureFactor`,
//! never longer than `maxFailureWaitSeconds`). While one waits nothing is checked and nothing is counted, so that the
//! wait ends when it says it will. The answer is always that of a wrong password: neither who exists nor who waits can
//! be told from it.
//!
//! A browser in which the user has signed in before is counted by itself: whoever knows only the user's name cannot
//! keep him out of it. Private and loopback addresses are those of proxies and of whole offices as a rule; they are
//! not counted. Names that nobody has share a fixed number of counters, so that the table has a bound.

use core::net::IpAddr;

use countersign_core::time::UnixTime;

use super::{Token, fingerprint};
use crate::realm::RealmSettings;

/// How many times more an address may fail than a user: more people than one may be behind it
const PEOPLE: u64 = 10;

/// The rules of a realm, by Keycloak's member names
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    factor: u64,
    increment: u64,
    longest: u64,
    memory: u64,
}

impl Rules {
    /// Those of this realm, if it has any
    pub fn of(settings: &RealmSettings) -> Option<Self> {
        settings.brute_force_protected.then(|| Self {
            factor: settings.failure_factor.max(1),
            increment: settings.wait_increment_seconds,
            longest: settings.max_failure_wait_seconds,
            memory: settings.max_delta_time_seconds,
        })
    }

    fn for_many(self) -> Self {
        Self { factor: self.factor.saturating_mul(PEOPLE), ..self }
    }
}

/// Failures of one subject
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// How many
    pub count: u64,
    /// When the last one was
    pub last_at: UnixTime,
    /// Until when nothing is checked
    pub locked_until: UnixTime,
    /// When they are forgotten
    pub expires_at: UnixTime,
}

impl Failures {
    /// Whether nothing is checked now
    pub fn is_locked(&self, now: UnixTime) -> bool {
        now < self.locked_until
    }

    /// One more
    #[must_use]
    pub fn more(known: Option<Self>, rules: Rules, now: UnixTime) -> Self {
        let known = known.filter(|known| now <= known.expires_at);
        let count = known.map_or(0, |known| known.count).saturating_add(1);
        let times = count.checked_div(rules.factor).unwrap_or_default();
        let wait = rules.increment.saturating_mul(times).min(rules.longest);
        Self {
            count,
            last_at: now,
            locked_until: if wait == 0 { UnixTime(0) } else { now.plus(wait) },
            expires_at: now.plus(rules.memory.max(wait)),
        }
    }
}

/// Whose failures are counted, under the names of the store
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// The user, or the browser in which he is known
    pub user: String,
    /// The address
    pub address: Option<String>,
}

impl Subjects {
    /// Those of an attempt; `user` is an internal id
    pub fn of(user: Option<&str>, login: &str, address: IpAddr, known: Option<&Token>) -> Self {
        let user = match (user, known) {
            (Some(_), Some(browser)) => format!("browser:{}", fingerprint(&browser.digest())),
            (Some(user), None) => format!("user:{user}"),
            (None, _) => {
                let bucket: String = fingerprint(login.to_lowercase().as_bytes()).chars().take(2).collect();
                format!("nobody:{bucket}")
            }
        };
        Self { user, address: is_public(address).then(|| format!("address:{}", network(address))) }
    }

    /// Each with its rules
    pub fn with(&self, rules: Rules) -> impl Iterator<Item = (&str, Rules)> {
        let address = self.address.as_deref().map(|address| (address, rules.for_many()));
        core::iter::once((self.user.as_str(), rules)).chain(address)
    }
}

/// An address of one household: of IPv6 the first half
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Not one of a proxy, an office or this machine
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { factor: 3, increment: 60, longest: 150, memory: 1_000 };

    fn fail(times: u64, now: u64) -> Failures {
        let mut failures = None;
        for _ in 0..times {
            failures = Some(Failures::more(failures, RULES, UnixTime(now)));
        }
        failures.unwrap()
    }

    #[test]
    fn the_wait_grows_up_to_its_bound_and_ends() {
        assert!(!fail(2, 1_000).is_locked(UnixTime(1_000)));
        let third = fail(3, 1_000);
        assert!(third.is_locked(UnixTime(1_059)));
        assert!(!third.is_locked(UnixTime(1_060)));
        assert_eq!(fail(6, 1_000).locked_until, UnixTime(1_120));
        assert_eq!(fail(600, 1_000).locked_until, UnixTime(1_150));
    }

    #[test]
    fn failures_are_forgotten() {
        let third = fail(3, 1_000);
        assert_eq!(Failures::more(Some(third), RULES, UnixTime(2_000)).count, 4);
        assert_eq!(Failures::more(Some(third), RULES, UnixTime(2_001)).count, 1);
    }

    #[test]
    fn a_known_browser_has_a_count_of_its_own_and_private_addresses_have_none() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let browser = Token::random().unwrap();
        let stranger = Subjects::of(Some("u"), "alice", address, None);
        assert_eq!(stranger.user, "user:u");
        assert_eq!(stranger.address.as_deref(), Some("address:192.0.2.1"));
        assert_ne!(Subjects::of(Some("u"), "alice", address, Some(&browser)).user, stranger.user);
        let nobody = Subjects::of(None, "Nobody", address, Some(&browser)).user;
        assert_eq!(nobody, Subjects::of(None, "nobody", address, None).user);
        assert_eq!(nobody.len(), "nobody:xx".len());
        for address in ["127.0.0.1", "10.1.2.3", "192.168.0.9", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
            assert_eq!(Subjects::of(None, "x", address.parse().unwrap(), None).address, None, "{address}");
        }
        let of = |text: &str| Subjects::of(None, "x", text.parse().unwrap(), None).address;
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert!(of("8.8.8.8").is_some());
    }
}
