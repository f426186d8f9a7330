//! Every target on random bytes, for machines without libFuzzer. `PARLOR_FUZZ_INPUTS` says how
//! many inputs each gets.

use parlor_fuzz::TARGETS;

const INPUTS: u64 = 1_000;
const BYTES_MAX: u64 = 600;

#[test]
fn targets_return_on_random_bytes() {
    let asked = std::env::var("PARLOR_FUZZ_INPUTS").ok();
    let inputs = asked.map_or(INPUTS, |n| n.parse().expect("a number of inputs"));
    for (name, target) in TARGETS {
        let mut state = 0x5EED_u64;
        let mut roll = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let n = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            n ^ n >> 31
        };
        for n in 0..inputs {
            let len = roll() % BYTES_MAX;
            let input: Vec<u8> = (0..len).map(|_| (roll() >> 32) as u8).collect();
            let caught = std::panic::catch_unwind(|| target(&input));
            assert!(caught.is_ok(), "{name}, input {n}: {input:?}");
        }
    }
}
