//! Parlor, as a host sets it up.

use std::sync::Arc;
use std::time::SystemTime;

use parlor_core::engine::{Parlor, Settings};
use parlor_core::record::Timestamp;
use parlor_core::storage::Store;

/// The engine on a store.
pub fn parlor(store: Arc<impl Store>) -> Parlor {
    let now = || Timestamp::from(SystemTime::now());
    let entropy = || {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system gives entropy");
        seed
    };
    Parlor::with_settings(store, now, entropy, Settings::default())
}
