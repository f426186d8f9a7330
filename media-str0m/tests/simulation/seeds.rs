//! Many evenings, each made up by a seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::scenario::{Yield, live};

/// How many seeds a run without `PARLOR_SIM_SEEDS` lives through.
const SEEDS: u64 = 50;

/// Seeds that have found something once. They are lived through every time.
const FOUND_SOMETHING: [u64; 0] = [];

const THREADS: usize = 2;

#[test]
fn evenings_on_bad_networks_keep_every_promise() {
    let seeds = seeds();
    let next = AtomicU64::new(0);
    let yields = Mutex::new(Vec::new());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = usize::try_from(at).ok().and_then(|at| seeds.get(at)) else {
                        return;
                    };
                    match catch_unwind(AssertUnwindSafe(|| live(*seed).0)) {
                        Ok(good) => yields.lock().unwrap().push(good),
                        Err(_) => {
                            eprintln!("seed {seed} has failed");
                            failed.lock().unwrap_or_else(PoisonError::into_inner).push(*seed);
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    if let Some(seed) = failed.first() {
        panic!(
            "{} of {} seeds failed: {failed:?}\nto see one again: PARLOR_SIM_SEED={seed} \
             cargo test -p parlor-media-str0m --test simulation evenings -- --nocapture",
            failed.len(),
            seeds.len()
        );
    }
    eprintln!("{}", has_shown_all(&yields.into_inner().unwrap()));
}

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|n| n.parse().expect("a number of seeds"));
    match (number("PARLOR_SIM_SEED"), number("PARLOR_SIM_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, many) => FOUND_SOMETHING.into_iter().chain(1..=many.unwrap_or(SEEDS)).collect(),
    }
}

/// The dice have shown what there is to show, or the checks have looked at nothing.
fn has_shown_all(yields: &[Yield]) -> String {
    let sum = |of: fn(&Yield) -> u64| yields.iter().map(of).sum::<u64>();
    let (owed, heard) = (sum(|y| y.owed.owed), sum(|y| y.owed.heard));
    let sums = format!(
        "{} seeds: {owed} packets owed, {heard} heard, {} sealed, {} legs came back",
        yields.len(),
        sum(|y| y.nonces.rtp),
        sum(|y| y.recovered),
    );
    if yields.len() < 20 {
        return sums;
    }
    assert!(owed > 100 * yields.len() as u64 && heard < owed, "{heard} of {owed}");
    assert!(sum(|y| y.nonces.rtcp) > 0);
    assert!(sum(|y| y.recovered) > 0);
    for step in 0..12 {
        let times: u64 = yields.iter().map(|y| y.steps[step]).sum();
        assert!(times > 0, "step {step} has never been taken");
    }
    sums
}

#[test]
fn the_same_seed_leads_to_the_same_decisions() {
    for seed in 1..=10 {
        let [one, two] = [live(seed), live(seed)].map(|(_, log)| {
            let mut decisions: Vec<_> = log.iter().map(|record| record.decision()).collect();
            // What happens at one instant happens in any order.
            decisions.sort_unstable();
            decisions
        });
        assert!(one.len() > 100, "seed {seed}");
        for (one, two) in one.iter().zip(&two) {
            assert_eq!(one, two, "seed {seed}");
        }
        assert_eq!(one.len(), two.len(), "seed {seed}");
    }
}
