//! The memory store keeps what every store must keep.
#![cfg(feature = "conformance")]

use parlor_core::conformance::{Explanation, Harness};
use parlor_core::storage::{MemoryStore, Query};

struct Memory;

impl Harness for Memory {
    type Store = MemoryStore;

    fn open(&self) -> MemoryStore {
        MemoryStore::new()
    }

    fn reopen(&self, _: MemoryStore) -> Option<MemoryStore> {
        None
    }

    fn explain(&self, _: &MemoryStore, _: &Query) -> Option<Explanation> {
        None
    }
}

parlor_core::suite!(Memory);
