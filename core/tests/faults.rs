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

/// The cases that see each fault: those whose promise it breaks most plainly.
const SEEN_BY: &[(Fault, &[&str])] = &[
    (
        Fault::LostUpdate,
        &[
            "no_update_is_lost",
            "commands_on_one_row_follow_one_another",
            "hands_are_numbered_without_gap_or_double",
            "a_full_room_lets_nobody_in",
            "debits_at_once_never_overdraw",
        ],
    ),
    (Fault::UnlockedShare, &["sharing_and_then_owning_neither_deadlocks_nor_loses"]),
    (Fault::UnguardedAbsence, &["a_banned_person_is_never_inside"]),
    (
        Fault::TornChangeset,
        &[
            "what_a_command_did_is_there_when_it_returns",
            "a_reader_sees_all_of_a_changeset_or_none",
            "rows_come_back_as_they_were_written",
            "a_retry_gets_the_first_outcome",
        ],
    ),
    (Fault::KeptRefusal, &["nothing_of_a_refused_command_stays"]),
    (
        Fault::AppliedTwice,
        &[
            "no_update_is_lost",
            "every_event_is_in_the_feed_once_and_in_the_order_of_commits",
            "a_transaction_sent_many_times_at_once_is_posted_once",
        ],
    ),
    (
        Fault::LostDelete,
        &[
            "parents_and_children_of_one_changeset_may_be_written_in_any_order",
            "a_timer_whose_command_is_refused_is_gone",
            "the_same_course_of_a_ledger_leaves_the_same_as_in_memory",
        ],
    ),
    (
        Fault::LostOutcome,
        &[
            "a_retry_gets_the_first_outcome",
            "a_command_sent_many_times_at_once_takes_effect_once",
            "a_policy_deals_with_each_row_once_whoever_drives",
            "a_policy_that_fails_half_way_goes_on_without_doing_anything_twice",
        ],
    ),
    (
        Fault::LostRejection,
        &[
            "a_refused_transaction_is_told_the_same_though_it_could_pass",
            "a_transaction_sent_many_times_at_once_is_posted_once",
            "the_same_course_of_a_ledger_leaves_the_same_as_in_memory",
        ],
    ),
    (Fault::UnenforcedIndex, &["a_violated_unique_index_fails_the_culprit_alone"]),
    (Fault::UnreleasedIndex, &["a_unique_value_may_change_hands"]),
    (
        Fault::LostEvent,
        &[
            "what_a_command_did_is_there_when_it_returns",
            "every_event_is_in_the_feed_once_and_in_the_order_of_commits",
            "an_event_comes_back_as_it_was_emitted",
            "a_command_sent_many_times_at_once_takes_effect_once",
            "a_transaction_sent_many_times_at_once_is_posted_once",
        ],
    ),
    (
        Fault::DoubledEvent,
        &[
            "every_event_is_in_the_feed_once_and_in_the_order_of_commits",
            "an_event_comes_back_as_it_was_emitted",
        ],
    ),
    (
        Fault::ReversedEvents,
        &[
            "every_event_is_in_the_feed_once_and_in_the_order_of_commits",
            "an_event_comes_back_as_it_was_emitted",
            "the_same_course_of_a_ledger_leaves_the_same_as_in_memory",
        ],
    ),
    (Fault::CutTime, &["an_event_comes_back_as_it_was_emitted"]),
    (Fault::SkippedEvent, &["every_event_is_in_the_feed_once_and_in_the_order_of_commits"]),
    (
        Fault::LateRead,
        &[
            "what_a_command_did_is_there_when_it_returns",
            "a_refused_transaction_is_told_the_same_though_it_could_pass",
        ],
    ),
    (
        Fault::SkippedRow,
        &[
            "reads_agree_with_a_naive_scan",
            "paging_is_complete_and_without_double_while_rows_come_in",
            "a_policy_deals_with_each_row_once_whoever_drives",
        ],
    ),
    (
        Fault::RepeatedRow,
        &[
            "reads_agree_with_a_naive_scan",
            "paging_is_complete_and_without_double_while_rows_come_in",
        ],
    ),
    (
        Fault::IgnoredFilter,
        &[
            "reads_agree_with_a_naive_scan",
            "prefixes_are_taken_byte_by_byte",
            "search_finds_what_a_naive_search_finds",
            "the_floor_is_given_to_each_hand_once_and_in_order",
        ],
    ),
    (Fault::IgnoredLimit, &["reads_agree_with_a_naive_scan"]),
    (Fault::IgnoredOrder, &["reads_agree_with_a_naive_scan"]),
    (Fault::FoldedCase, &["prefixes_are_taken_byte_by_byte", "reads_agree_with_a_naive_scan"]),
    (Fault::UnrelatedChildren, &["parents_are_found_by_their_children"]),
    (Fault::WholeWords, &["search_finds_what_a_naive_search_finds"]),
    (
        Fault::MeasuredEmpty,
        &[
            "aggregates_agree_with_a_naive_reckoning",
            "what_is_empty_is_a_group_and_is_not_measured",
        ],
    ),
    (
        Fault::TruncatedBucket,
        &[
            "aggregates_agree_with_a_naive_reckoning",
            "a_time_falls_into_the_bucket_that_began_before_it",
        ],
    ),
    (Fault::WrappedSum, &["aggregates_agree_with_a_naive_reckoning", "a_sum_is_exact_or_an_error"]),
];

#[test]
fn every_fault_is_seen() {
    for fault in Fault::ALL {
        assert!(SEEN_BY.iter().any(|(seen, _)| seen == fault), "nobody looks for {fault:?}");
    }
    let cases: BTreeMap<_, _> = all::<Faulty>().into_iter().map(|it| (it.name, it.run)).collect();

    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let missed: Vec<_> = SEEN_BY
        .iter()
        .flat_map(|(fault, names)| names.iter().map(move |name| (*fault, *name)))
        .filter(|(fault, name)| {
            catch_unwind(AssertUnwindSafe(|| cases[name](&Faulty(*fault)))).is_ok()
        })
        .collect();
    panic::set_hook(loud);

    assert!(missed.is_empty(), "these cases do not see the fault: {missed:?}");
}
