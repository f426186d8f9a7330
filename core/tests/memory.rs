//! The memory store keeps what every store must keep.
#![cfg(feature = "conformance")]

use parlor_core::conformance::{Explanation, Harness};
use parlor_core::storage::{Aggregate, MemoryStore, Query};

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

    fn explain_aggregate(&self, _: &MemoryStore, _: &Aggregate) -> Option<Explanation> {
        None
    }
}

parlor_core::suite!(Memory);
