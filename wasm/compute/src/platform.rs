//! What a service has of the platform that runs it.

use countersign_core::time::UnixTime;
use countersign_edge::Call;

/// Clock, network and cache
pub trait Platform {
    /// The time
    fn now(&self) -> UnixTime;

    /// Asks the authorization server and waits: status and body, or nothing where no answer came. Follows no redirect.
    fn call(&self, call: &Call) -> Option<(u16, Vec<u8>)>;

    /// What was kept under this name
    fn load(&self, name: &str) -> Option<Vec<u8>>;

    /// Keeps something for other instances of this service, for so many seconds at most; what is secret in memory alone.
    fn keep(&self, name: &str, value: &[u8], seconds: u64, is_secret: bool);
}
