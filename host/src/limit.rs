//! How often somebody may ask.
//!
//! A bucket of tokens for each address and each client, kept as one number: the time at which it is full again
//! (generic cell rate algorithm). The table has a bound: of a shard that is full, one goes whose bucket is among
//! the fullest, for it has the least to gain from being forgotten.

use core::{
    hash::{BuildHasher, Hash},
    net::IpAddr,
    time::Duration,
};
use std::{
    collections::HashMap,
    hash::RandomState,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::sign_in::throttle::{is_public, network};

/// Parts of the table that are locked by themselves
const SHARDS: usize = 16;
/// Most entries of one
const SHARD: usize = 4_096;
/// Entries that are looked at when one has to go
const SAMPLE: usize = 8;

/// So many at once, and as many again in `per`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    per: Duration,
}

impl Rate {
    /// `50/s`, `600/m` or, for no rate, `off`
    pub fn parse(text: &str) -> Result<Option<Self>, RateError> {
        if text == "off" {
            return Ok(None);
        }
        let (number, unit) = text.split_once('/').ok_or(RateError)?;
        let burst = number.parse().ok().filter(|burst| *burst > 0).ok_or(RateError)?;
        let per = match unit {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_mins(1),
            _ => return Err(RateError),
        };
        Ok(Some(Self { burst, per }))
    }
}

/// A text that is no rate
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rate such as `50/s`")]
pub struct RateError;

/// The rates of the server
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests of one address
    pub address: Option<Rate>,
    /// Requests of one client
    pub client: Option<Rate>,
    /// Failures of one public address
    pub failures: Option<Rate>,
}

/// It is too early: come back in so many seconds
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub u64);

/// Counts requests and failures
#[derive(Debug)]
pub struct Limits {
    address: Option<Buckets>,
    client: Option<Buckets>,
    failures: Option<Buckets>,
    begin: Instant,
}

impl Limits {
    /// With these rates
    pub fn new(rates: Rates) -> Self {
        Self {
            address: rates.address.map(Buckets::new),
            client: rates.client.map(Buckets::new),
            failures: rates.failures.map(Buckets::new),
            begin: Instant::now(),
        }
    }

    /// A request arrives from an address
    pub fn arrive(&self, address: IpAddr) -> Result<(), TooMany> {
        let network = || network(address);
        if let Some(failures) = self.failures.as_ref().filter(|_| is_public(address)) {
            failures.look(&network(), self.now())?;
        }
        self.address.as_ref().map_or(Ok(()), |buckets| buckets.take(&network(), self.now()))
    }

    /// A client has shown who it is, or, where it cannot, an address uses its name: strangers who use it elsewhere do
    /// not stand in its way
    pub fn client(&self, id: &str, proved: bool, address: IpAddr) -> Result<(), TooMany> {
        let Some(buckets) = &self.client else { return Ok(()) };
        let whence = if proved { String::new() } else { network(address) };
        buckets.take(&(id, whence), self.now())
    }

    /// A password, a code or a secret from this address was wrong. Private addresses are those of proxies and of whole
    /// offices as a rule; they are not counted.
    pub fn failed(&self, address: IpAddr) {
        if let Some(failures) = self.failures.as_ref().filter(|_| is_public(address)) {
            // Counted also where there is no room any more.
            let _ = failures.take(&network(address), self.now());
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Buckets of one rate; times in nanoseconds since the server began
#[derive(Debug)]
struct Buckets {
    /// For one token
    interval: u64,
    /// For all of them
    capacity: u64,
    keys: RandomState,
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
}

impl Buckets {
    fn new(rate: Rate) -> Self {
        let per = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        let interval = per.checked_div(u64::from(rate.burst)).unwrap_or(per).max(1);
        let capacity = interval.saturating_mul(u64::from(rate.burst));
        Self { interval, capacity, keys: RandomState::new(), shards: Default::default() }
    }

    /// Whether there is a token
    fn look(&self, key: &impl Hash, now: u64) -> Result<(), TooMany> {
        self.with(key, |full_at| self.next(full_at, now).map(drop))
    }

    /// Takes a token
    fn take(&self, key: &impl Hash, now: u64) -> Result<(), TooMany> {
        self.change(key, now)
    }

    /// When the bucket is full again, after one more token was taken
    fn next(&self, full_at: Option<u64>, now: u64) -> Result<u64, TooMany> {
        let next = full_at.unwrap_or(0).max(now).saturating_add(self.interval);
        match next.saturating_sub(now).checked_sub(self.capacity) {
            None | Some(0) => Ok(next),
            Some(missing) => Err(TooMany(Duration::from_nanos(missing).as_secs().saturating_add(1))),
        }
    }

    fn with<T>(&self, key: &impl Hash, read: impl FnOnce(Option<u64>) -> T) -> T {
        let key = self.keys.hash_one(key);
        let full_at = self
            .shard(key)
            .and_then(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied());
        read(full_at)
    }

    fn change(&self, key: &impl Hash, now: u64) -> Result<(), TooMany> {
        let key = self.keys.hash_one(key);
        let Some(shard) = self.shard(key) else { return Ok(()) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shard.get(&key).copied();
        let next = self.next(known, now)?;
        if known.is_none() && shard.len() >= SHARD {
            let fullest = shard.iter().take(SAMPLE).min_by_key(|(_, full_at)| **full_at);
            if let Some(fullest) = fullest.map(|(key, _)| *key) {
                shard.remove(&fullest);
            }
        }
        shard.insert(key, next);
        Ok(())
    }

    fn shard(&self, key: u64) -> Option<&Mutex<HashMap<u64, u64>>> {
        let place = usize::try_from(key.wrapping_shr(60)).unwrap_or(0);
        self.shards.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn buckets(text: &str) -> Buckets {
        Buckets::new(Rate::parse(text).unwrap().unwrap())
    }

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let buckets = buckets("3/s");
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", 0), Ok(()));
        }
        assert_eq!(buckets.take(&"a", 0), Err(TooMany(1)));
        assert_eq!(buckets.look(&"a", 0), Err(TooMany(1)));
        assert_eq!(buckets.take(&"b", 0), Ok(()));
        assert_eq!(buckets.take(&"a", SECOND / 3 + 1), Ok(()));
        assert!(buckets.take(&"a", SECOND / 3 + 1).is_err());
        for _ in 0..3 {
            assert_eq!(buckets.take(&"a", 9 * SECOND), Ok(()));
        }
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        let buckets = buckets("2/m");
        assert_eq!((buckets.take(&1, 0), buckets.take(&1, 0)), (Ok(()), Ok(())));
        assert_eq!(buckets.take(&1, 0), Err(TooMany(31)));
    }

    #[test]
    fn the_table_has_a_bound_and_who_is_limited_stays() {
        let buckets = buckets("10/s");
        for _ in 0..10 {
            buckets.take(&"greedy", 0).unwrap();
        }
        for number in 0..200_000 {
            let _ = buckets.take(&number, 0);
        }
        let entries: usize = buckets.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(entries <= SHARDS * SHARD, "{entries}");
        assert!(buckets.take(&"greedy", 0).is_err(), "a flood of others made room for him");
    }

    #[test]
    fn private_addresses_may_fail() {
        let limits = Limits::new(Rates { failures: Rate::parse("1/m").unwrap(), ..Rates::default() });
        let [public, private]: [IpAddr; 2] = ["192.0.2.7".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        for _ in 0..3 {
            limits.failed(public);
            limits.failed(private);
        }
        assert!(limits.arrive(public).is_err());
        assert_eq!(limits.arrive(private), Ok(()));
    }

    #[test]
    fn strangers_do_not_use_up_what_a_client_may_ask() {
        let limits = Limits::new(Rates { client: Rate::parse("1/m").unwrap(), ..Rates::default() });
        let [one, two]: [IpAddr; 2] = ["192.0.2.7".parse().unwrap(), "192.0.2.8".parse().unwrap()];
        assert_eq!(limits.client("app", false, one), Ok(()));
        assert!(limits.client("app", false, one).is_err());
        assert_eq!(limits.client("app", false, two), Ok(()));
        assert_eq!(limits.client("app", true, one), Ok(()));
        assert!(limits.client("app", true, two).is_err());
    }
}
