//! What every host gives to Parlor, and what it does for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parlor_core::engine::{Parlor, Settings};
use parlor_core::record::Timestamp;
use parlor_core::storage::{Store, StoreError};

/// The longest time between two looks at what is due, should all news get lost.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// The shortest, should something that is due not get done.
const IDLE_MIN: Duration = Duration::from_millis(10);

/// The time, by the machine's clock.
pub fn clock() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Fresh entropy, from the operating system.
///
/// # Panics
/// When the operating system has none to give: nothing can be done safely then.
pub fn entropy() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives entropy");
    seed
}

/// Parlor on a store, with the machine's clock and entropy.
pub fn parlor(store: impl Store) -> Parlor {
    Parlor::new(store, clock, entropy)
}

/// The same, on a store that the host keeps a hold of.
pub fn parlor_on(store: Arc<dyn Store>) -> Parlor {
    Parlor::with_settings(store, clock, entropy, Settings::default())
}

/// Makes timers, policies and sweeps happen, for as long as it is polled. One per process is
/// enough; more do no harm.
pub async fn drive(parlor: Parlor) {
    loop {
        match pass(&parlor).await {
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "what was due was not done; trying again");
                tokio::time::sleep(IDLE_MAX).await;
            }
        }
    }
}

async fn pass(parlor: &Parlor) -> Result<(), StoreError> {
    // Before anything is done: what comes meanwhile is news.
    let head = parlor.head().await?;
    parlor.drive().await?;
    let idle = match parlor.next_deadline().await? {
        Some(due_at) => due_at.since(parlor.now()).clamp(IDLE_MIN, IDLE_MAX),
        None => IDLE_MAX,
    };
    match tokio::time::timeout(idle, parlor.wait(head)).await {
        Ok(news) => news,
        Err(_elapsed) => Ok(()),
    }
}
