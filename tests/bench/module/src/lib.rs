//! Many shares inside WebAssembly: how long they take to load, and what one look at them costs.
//!
//! `js/bench/shares.mjs` drives it. It holds one set of shares at a time.
#![expect(unsafe_code, reason = "JavaScript finds functions by name")]

use core::cell::RefCell;

use shares::Held;

#[path = "../../src/shares.rs"]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "a bench, shared with the native one")]
mod shares;

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
    static SNAPSHOT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes a snapshot of so many shares; gives its length in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn write_snapshot(shares: u32) -> u32 {
    let snapshot = Held::new(usize::try_from(shares).unwrap_or_default()).snapshot();
    let length = u32::try_from(snapshot.len()).unwrap_or_default();
    SNAPSHOT.replace(snapshot);
    length
}

/// Where the snapshot lies
#[unsafe(no_mangle)]
pub extern "C" fn snapshot_place() -> *const u8 {
    SNAPSHOT.with_borrow(Vec::as_ptr)
}

/// Makes room for a snapshot of this length; gives its place.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: u32) -> *mut u8 {
    SNAPSHOT.with_borrow_mut(|snapshot| {
        *snapshot = vec![0; usize::try_from(length).unwrap_or_default()];
        snapshot.as_mut_ptr()
    })
}

/// Loads the shares of the snapshot; gives whether that was possible.
#[unsafe(no_mangle)]
pub extern "C" fn load(shares: u32) -> bool {
    let shares = usize::try_from(shares).unwrap_or_default();
    let held = SNAPSHOT.with_borrow(|snapshot| Held::of_snapshot(snapshot, shares));
    let loaded = held.is_some();
    HELD.set(held);
    loaded
}

/// Looks at the next share; gives whether it stands.
#[unsafe(no_mangle)]
pub extern "C" fn lookup() -> bool {
    HELD.with_borrow_mut(|held| held.as_mut().is_some_and(Held::lookup))
}
