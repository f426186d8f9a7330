/// Lists the faults once, and makes the enum and the list of all of them.
macro_rules! faults {
    ($(#[$meta:meta])* pub enum $enum:ident { $($(#[$doc:meta])* $fault:ident),+ $(,)? }) => {
        $(#[$meta])*
        pub enum $enum { $($(#[$doc])* $fault),+ }

        impl $enum {
            /// All of them.
            #[cfg(feature = "conformance")]
            pub const ALL: &[Self] = &[$(Self::$fault),+];
        }
    };
}

faults! {
    /// A way in which a store can be wrong. The memory store can be each on demand, and the suite
    /// must see it.
    #[cfg_attr(
        not(feature = "conformance"),
        expect(dead_code, unreachable_pub, reason = "only the suite plants them")
    )]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// Decides on rows as they were before they were last written.
        LostUpdate,
        /// Decides on shared rows as they were before they were last written: they were not locked.
        UnlockedShare,
        /// Takes a row that was just inserted for absent still, where its absence is guarded.
        UnguardedAbsence,
        /// Writes only the first row of a changeset.
        TornChangeset,
        /// Keeps what a command wrote that was refused.
        KeptRefusal,
        /// Applies a changeset, takes its commit for failed, and runs the command again.
        AppliedTwice,
        /// Forgets to delete a row the first time it is told to.
        LostDelete,
        /// Forgets the outcomes that are kept for retries.
        LostOutcome,
        /// Forgets the refusals that are kept for retries.
        LostRejection,
        /// Does not see that a unique index is violated.
        UnenforcedIndex,
        /// Does not see that a unique value has become free.
        UnreleasedIndex,
        /// Forgets the last event of a changeset.
        LostEvent,
        /// Tells the last event of a changeset twice.
        DoubledEvent,
        /// Tells the events of a changeset the other way around.
        ReversedEvents,
        /// Cuts the time of an event to milliseconds.
        CutTime,
        /// Skips an event at the beginning of every page of the feed but the first.
        SkippedEvent,
        /// Does not find the rows that the last changeset inserted.
        LateRead,
        /// Skips a row at the beginning of every page but the first.
        SkippedRow,
        /// Begins every page with the row the one before ended with.
        RepeatedRow,
        /// Finds all rows of the table.
        IgnoredFilter,
        /// Finds more rows than it was asked for.
        IgnoredLimit,
        /// Sorts by the primary key alone.
        IgnoredOrder,
        /// Thinks large and small letters are the same.
        FoldedCase,
        /// Finds a row by the children of another.
        UnrelatedChildren,
        /// Finds what has the words of a search, and not what has words that begin with them.
        WholeWords,
        /// Measures empty columns as if there were something in them.
        MeasuredEmpty,
        /// Divides time towards 1970.
        TruncatedBucket,
        /// Lets a sum that does not fit begin anew.
        WrappedSum,
    }
}
