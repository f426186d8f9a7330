//! An allocator that counts what each thread asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator; counts allocations and reallocations, by thread.
pub(crate) struct Counting;

thread_local! {
    // Neither made when first used nor destroyed: the allocator itself must not allocate.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory so far.
pub(crate) fn allocations() -> u64 {
    COUNT.with(Cell::get)
}

fn count() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every method hands its arguments on to the system's allocator, which keeps the contract,
// and the caller keeps the same contract towards it. Counting touches no memory but a cell of the
// thread that needs no destructor and so can be used at any time of its life.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::allocations;

    #[test]
    fn what_is_asked_for_is_counted_and_what_others_ask_for_is_not() {
        let before = allocations();
        let mut bytes: Vec<u8> = Vec::with_capacity(10);
        bytes.reserve(1_000);
        assert_eq!(allocations() - before, 2);
        drop(bytes);
        assert_eq!(allocations() - before, 2);
        let made = std::thread::spawn(|| vec![0_u8; 100]);
        let after_spawn = allocations();
        assert_eq!(made.join().unwrap().len(), 100);
        assert!(allocations() - after_spawn < 2);
    }
}
