//! What every store must keep, as tests: one case a promise.
//!
//! A backend gives a [`Harness`] and expands [`suite!`](crate::suite!), which makes one `#[test]`
//! of each case. [`cases`] says what they hold a store to, in words; [`all`] is the same list as
//! data, for running them in other ways.
//!
//! ```
//! use parlor_core::conformance::{Explanation, Harness};
//! use parlor_core::storage::{Aggregate, MemoryStore, Query};
//!
//! struct Memory;
//!
//! impl Harness for Memory {
//!     type Store = MemoryStore;
//!
//!     fn open(&self) -> MemoryStore {
//!         MemoryStore::new()
//!     }
//!
//!     // It forgets all when it is dropped, so there is nothing to reopen.
//!     fn reopen(&self, _: MemoryStore) -> Option<MemoryStore> {
//!         None
//!     }
//!
//!     // It has no indexes to explain.
//!     fn explain(&self, _: &MemoryStore, _: &Query) -> Option<Explanation> {
//!         None
//!     }
//!
//!     fn explain_aggregate(&self, _: &MemoryStore, _: &Aggregate) -> Option<Explanation> {
//!         None
//!     }
//! }
//!
//! parlor_core::suite!(Memory);
//! ```
//!
//! It takes the feature `conformance`, and belongs among the dev-dependencies.
//!
//! Time is a [`ManualClock`] and entropy is [`SeededEntropy`], so a case differs from one run to
//! the next only in how its threads interleave. Nothing here needs a runtime: [`block_on`] runs a
//! future on the thread at hand, and gives up when nothing has moved for half a minute.

pub mod bank;
mod books;
pub mod cases;
mod course;
mod naive;
mod readout;
mod sample;
mod world;

pub use books::Books;
pub use naive::{naive_aggregate, naive_select};
pub use sample::every_event;
pub use world::{ManualClock, SeededEntropy, World, block_on, random, threads};

use crate::storage::{Aggregate, Query, Store};

/// How the suite comes by a store.
pub trait Harness {
    /// The store.
    type Store: Store;

    /// A new store with nothing in it, apart from all others that are open.
    fn open(&self) -> Self::Store;

    /// The same data in a store opened anew, as after a crash; `None` where that cannot be done,
    /// and then the cases about durability hold nobody to anything.
    fn reopen(&self, store: Self::Store) -> Option<Self::Store>;

    /// How the engine says it would carry out a query on this store; `None` where there is no
    /// engine to ask.
    fn explain(&self, store: &Self::Store, query: &Query) -> Option<Explanation>;

    /// The same of an aggregate.
    fn explain_aggregate(&self, store: &Self::Store, aggregate: &Aggregate) -> Option<Explanation>;
}

/// How an engine would carry out a query, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The indexes it would use. The primary key goes by the name of `"primary key"`, the
    /// full-text index of a table by `"<table>_text"`.
    pub indexes: Vec<String>,
    /// It would read some table from end to end. Reading along an index, or along the primary key
    /// of a table that is kept in its order, until the limit is reached is not that.
    pub scans: bool,
    /// It would sort rows after reading them.
    pub sorts: bool,
    /// The engine's own words, shown when the case fails.
    pub text: String,
}

/// One case: a promise, and what tries to break it.
#[derive(Clone, Copy, Debug)]
pub struct Case<H> {
    /// Its name, a sentence.
    pub name: &'static str,
    /// Panics when the store does not keep the promise.
    pub run: fn(&H),
}

/// Every case.
pub fn all<H: Harness>() -> Vec<Case<H>> {
    crate::suite!(@all [@list H])
}

/// Expands to one `#[test]` for each case of the suite, with `Harness` as an expression that is
/// evaluated anew for each: `suite!(MyHarness::new());`.
#[macro_export]
macro_rules! suite {
    (@list $harness:ty; $($case:ident)+) => {
        vec![$($crate::conformance::Case {
            name: stringify!($case),
            run: $crate::conformance::cases::$case::<$harness>,
        }),+]
    };
    (@tests $harness:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::cases::$case(&$harness);
            }
        )+
    };
    (@all [$($how:tt)+]) => {
        $crate::suite! { $($how)+;
            what_a_command_did_is_there_when_it_returns
            a_reader_sees_all_of_a_changeset_or_none
            rows_come_back_as_they_were_written
            rows_come_back_as_they_were_updated
            rows_that_were_deleted_are_gone
            parents_and_children_of_one_changeset_may_be_written_in_any_order
            a_changeset_may_be_as_large_as_allowed
            commands_on_one_row_follow_one_another
            nothing_of_a_refused_command_stays
            a_put_that_changes_nothing_is_harmless

            a_decision_may_ask_for_rows_in_many_rounds
            a_decision_that_keeps_asking_fails_alone
            a_row_that_was_never_asked_for_is_not_overwritten
            a_decision_that_panics_fails_alone
            a_violated_unique_index_fails_the_culprit_alone
            a_unique_value_may_change_hands

            no_update_is_lost
            sharing_and_then_owning_neither_deadlocks_nor_loses
            owning_in_opposite_orders_neither_deadlocks_nor_loses
            a_row_is_inserted_by_one_of_many
            a_banned_person_is_never_inside
            a_full_room_lets_nobody_in
            hands_are_numbered_without_gap_or_double
            joining_twice_at_once_makes_one_stay
            the_floor_is_given_to_each_hand_once_and_in_order

            a_retry_gets_the_first_outcome
            a_key_stands_for_one_command
            a_key_is_its_actors_own
            a_refusal_is_not_remembered
            a_command_sent_many_times_at_once_takes_effect_once
            an_outcome_is_forgotten_in_time

            every_event_is_in_the_feed_once_and_in_the_order_of_commits
            a_reader_of_the_feed_skips_nothing
            an_event_comes_back_as_it_was_emitted
            waiting_ends_when_there_is_news
            waiting_for_the_past_ends_at_once

            every_named_read_is_carried_by_its_index
            reads_agree_with_a_naive_scan
            prefixes_are_taken_byte_by_byte
            parents_are_found_by_their_children
            search_finds_what_a_naive_search_finds
            paging_is_complete_and_without_double_while_rows_come_in
            cursors_that_are_forged_or_foreign_are_refused

            aggregates_agree_with_a_naive_reckoning
            a_time_falls_into_the_bucket_that_began_before_it
            what_is_empty_is_a_group_and_is_not_measured
            nothing_is_reckoned_as_nothing
            groups_come_in_the_order_of_their_keys_up_to_the_limit
            a_sum_is_exact_or_an_error
            an_aggregate_with_a_filter_is_carried_by_its_index

            a_timer_fires_once_whoever_ticks
            a_stay_lapses_once_whoever_ticks
            a_timer_that_was_moved_or_taken_back_does_not_fire
            a_timer_whose_command_is_refused_is_gone
            the_next_deadline_is_that_of_the_first_timer
            a_policy_answers_every_event_once
            a_closed_room_is_swept_by_whoever_comes

            a_session_is_told_leg_by_leg_in_order
            a_report_on_as_many_legs_as_allowed_is_taken_whole
            samples_are_deleted_once_they_are_old

            a_policy_deals_with_each_row_once_whoever_drives
            a_row_that_appears_while_a_policy_runs_is_dealt_with_once_or_not_at_all
            a_policy_that_fails_half_way_goes_on_without_doing_anything_twice

            what_was_acknowledged_is_there_after_reopening
            the_feed_goes_on_after_reopening
            the_same_commands_leave_the_same_as_in_memory

            the_same_course_of_a_ledger_leaves_the_same_as_in_memory
            a_refused_transaction_is_told_the_same_though_it_could_pass
            what_was_refused_is_refused_after_reopening
            an_account_counts_up_to_64_bits_and_the_ledger_beyond

            debits_at_once_never_overdraw
            a_transaction_sent_many_times_at_once_is_posted_once
            an_id_used_for_many_transactions_at_once_stands_for_one
            a_hold_is_captured_voided_or_expires_and_only_one_of_these
            refunds_at_once_never_exceed_the_original
            a_transfer_is_reversed_by_one_of_many
            two_assets_in_opposite_orders_neither_deadlock_nor_lose
        }
    };
    ($harness:expr) => {
        $crate::suite! { @all [@tests $harness] }
    };
}
