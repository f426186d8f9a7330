//! The suite sees: each way in which a store can be wrong fails the cases that hold the promise.
#![cfg(feature = "conformance")]

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use parlor_core::conformance::{Explanation, Harness, all};
use parlor_core::storage::{Aggregate, Fault, MemoryStore, Query};

struct Faulty(Fault);

impl Harness for Faulty {
    type Store = MemoryStore;

    fn open(&self) -> MemoryStore {
        MemoryStore::faulty(self.0)
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

#[test]
fn every_fault_is_seen() {
    let seen_by: [(Fault, &[&str]); 3] = [
        (
            Fault::LostUpdate,
            &[
                "no_update_is_lost",
                "commands_on_one_row_follow_one_another",
                "hands_are_numbered_without_gap_or_double",
                "a_full_room_lets_nobody_in",
            ],
        ),
        (
            Fault::TornChangeset,
            &[
                "what_a_command_did_is_there_when_it_returns",
                "a_reader_sees_all_of_a_changeset_or_none",
                "rows_come_back_as_they_were_written",
                "a_retry_gets_the_first_outcome",
            ],
        ),
        (
            Fault::LostEvent,
            &[
                "what_a_command_did_is_there_when_it_returns",
                "every_event_is_in_the_feed_once_and_in_the_order_of_commits",
                "an_event_comes_back_as_it_was_emitted",
                "a_command_sent_many_times_at_once_takes_effect_once",
            ],
        ),
    ];
    let cases: BTreeMap<_, _> = all::<Faulty>().into_iter().map(|it| (it.name, it.run)).collect();

    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let missed: Vec<_> = seen_by
        .iter()
        .flat_map(|(fault, names)| names.iter().map(move |name| (*fault, *name)))
        .filter(|(fault, name)| {
            catch_unwind(AssertUnwindSafe(|| cases[name](&Faulty(*fault)))).is_ok()
        })
        .collect();
    panic::set_hook(loud);

    assert!(missed.is_empty(), "these cases do not see the fault: {missed:?}");
}
