#![expect(clippy::disallowed_types, reason = "it is looked up in, and sorted before it is walked")]

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::tables::Key;

/// What is looked up by key some thirty times a command: hashed, because that is what most of the
/// time of a batch went into when it was sorted. The seed is fixed: the same run makes the same
/// steps everywhere, and a batch is too small to be worth an attack on it.
pub(super) type ByKey<V> = HashMap<Key, V, FixedState>;

/// An empty one.
pub(super) const fn by_key<V>() -> ByKey<V> {
    HashMap::with_hasher(FixedState::with_seed(0))
}

/// What is in it, in lock order.
pub(super) fn sorted<V>(map: ByKey<V>) -> Vec<(Key, V)> {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    entries
}
