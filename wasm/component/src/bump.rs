//! An allocator for memory that lasts one decision: the host throws all of it away afterwards.
//!
//! Nothing is searched and nothing is freed but what was taken last, which makes reading a question some
//! microseconds faster than with a general allocator. The host caps the memory, so that waste ends in a refusal.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

const PAGE: usize = 64 * 1024;
/// Pages taken at a time once the first memory is used up
const STEP: usize = 16;

#[global_allocator]
static BUMP: Bump = Bump(AtomicUsize::new(0));

/// Holds where the free memory begins; 0 before the first allocation.
struct Bump(AtomicUsize);

unsafe extern "C" {
    /// The linker's name for the end of stack and data
    static __heap_base: u8;
}

impl Bump {
    fn next(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => (&raw const __heap_base).addr(),
            next => next,
        }
    }

    /// Makes everything up to `end` the caller's, if there is that much.
    fn take(&self, end: usize) -> Option<()> {
        let available = wasm32::memory_size::<0>().saturating_mul(PAGE);
        if end > available {
            let pages = end.saturating_sub(available).div_ceil(PAGE).max(STEP);
            if wasm32::memory_grow::<0>(pages) == usize::MAX {
                return None;
            }
        }
        self.0.store(end, Ordering::Relaxed);
        Some(())
    }

    fn place(&self, layout: Layout) -> Option<*mut u8> {
        let begin = self.next().checked_next_multiple_of(layout.align())?;
        self.take(begin.checked_add(layout.size())?)?;
        Some(ptr::with_exposed_provenance_mut(begin))
    }

    fn is_last(&self, block: *mut u8, layout: Layout) -> bool {
        block.addr().checked_add(layout.size()) == Some(self.next())
    }
}

// SAFETY: every block lies between the end of the data and the end of the memory, aligned as asked, and begins where the
// one before ends. A module without threads runs one call at a time.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.place(layout).unwrap_or(ptr::null_mut())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_last(block, layout) {
            self.0.store(block.addr(), Ordering::Relaxed);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(block, layout) {
            let grown = block.addr().checked_add(size).and_then(|end| self.take(end));
            return grown.map_or(ptr::null_mut(), |()| block);
        }
        if size <= layout.size() {
            return block;
        }
        let fresh = Layout::from_size_align(size, layout.align()).ok().and_then(|layout| self.place(layout));
        let Some(fresh) = fresh else { return ptr::null_mut() };
        // SAFETY: both blocks are at least as long as the old one, and the new one was not in use.
        unsafe { ptr::copy_nonoverlapping(block, fresh, layout.size()) };
        fresh
    }
}
