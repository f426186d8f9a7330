//! What things cost, in counts: allocations and bytes, never time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

use crate::world::{ALL, World, ms, participant, room};

thread_local! {
    /// How often this thread has allocated, and how many more bytes it has taken than given back.
    /// Each test runs on a thread of its own.
    static TAKEN: Cell<(u64, i64)> = const { Cell::new((0, 0)) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(times: u64, bytes: i64) {
    // A thread that is ending has no counter any more, and nobody asks for it.
    let _ = TAKEN.try_with(|taken| {
        let (count, live) = taken.get();
        taken.set((count + times, live + bytes));
    });
}

fn size(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: it hands every call on to the system's allocator as it came. Counting touches a cell of
// the thread, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, size(layout));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -size(layout));
        // SAFETY: `at` came from `alloc` above, so from the system, with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

fn allocations() -> u64 {
    TAKEN.get().0
}

fn live_bytes() -> i64 {
    TAKEN.get().1
}

#[test]
fn allocations_are_counted() {
    let (count, live) = (allocations(), live_bytes());
    let kept = std::hint::black_box(vec![0_u8; 1_000]);
    assert!(allocations() > count && live_bytes() - live >= 1_000);
    drop(kept);
    assert!(live_bytes() - live < 1_000);
}

/// The work a stranger can cause, counted with one session and with two hundred.
#[test]
fn a_stranger_costs_the_same_however_many_sessions_there_are() {
    let costs = [1, 200].map(|sessions| {
        let mut world = World::new();
        for who in 0..sessions {
            world.add(room(who / 20), participant(who), ALL);
        }
        world.run(ms(1));
        let is_request = |bytes: &[u8]| bytes[0] == 0 && bytes[1] == 1;
        let found = world.sent.iter().rfind(|(_, _, bytes)| is_request(bytes));
        let (_, _, valid) = found.expect("a client has begun").clone();
        // Nobody's, by one letter of the username; and somebody's, by one bit of what is signed.
        let mut unknown = valid.clone();
        let ufrag = unknown.windows(2).position(|pair| pair == [0, 6]).unwrap() + 4;
        unknown[ufrag] ^= 1;
        let mut forged = valid;
        forged[10] ^= 1;
        let strange = [vec![200; 60], vec![22; 60], vec![128; 60], unknown, forged];
        let stranger: SocketAddr = "203.0.113.9:9".parse().unwrap();
        // Once for what is made at first use.
        strange.iter().for_each(|bytes| world.inject(stranger, bytes));
        strange.map(|bytes| {
            let before = (allocations(), world.stats().datagrams_out);
            (0..100).for_each(|_| world.inject(stranger, &bytes));
            assert_eq!(world.stats().datagrams_out, before.1);
            allocations() - before.0
        })
    });
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0][..4], [0; 4], "what is for nobody allocates nothing");
    assert!(costs[0][4] <= 100, "a signature costs one allocation at most: {costs:?}");
}

#[test]
fn ten_thousand_ports_cost_little_memory() {
    let mut world = World::room_of(2);
    world.run(ms(4_000));
    let is_request = |bytes: &[u8]| bytes[0] == 0 && bytes[1] == 1;
    let (_, _, valid) = world.sent.iter().rfind(|(_, _, b)| is_request(b)).unwrap().clone();
    let before = live_bytes();
    for port in 1..=10_000 {
        world.inject(SocketAddr::from(([203, 0, 113, 1], port)), &valid);
    }
    let grown = live_bytes() - before;
    assert!(grown <= 64 * 1024, "{grown} bytes");
}

/// The engine has no queue for a listener: what the network does not take is gone.
#[test]
fn a_listener_who_takes_nothing_holds_no_memory() {
    let mut world = World::room_of(4);
    world.peers[3].swallows = true;
    let talk = |world: &mut World, frames: u32| {
        for frame in 0..frames {
            for at in 0..3 {
                let now = world.now;
                let mut payload = vec![0xF8, u8::try_from(at).unwrap()];
                payload.extend_from_slice(&frame.to_be_bytes());
                payload.resize(1_000, 0);
                world.peers[at].client.send_opus(payload, -20, now);
                world.drain_peer(at);
            }
            world.run(ms(20));
            (0..4).for_each(|at| drop(world.peers[at].take()));
        }
    };
    talk(&mut world, 100);
    let (before, sent) = (live_bytes(), world.stats().packets_out);
    talk(&mut world, 600);
    let (grown, sent) = (live_bytes() - before, world.stats().packets_out - sent);
    // Three hear two others each; who takes nothing is sent all the same until they are given up.
    assert!(sent > 600 * 6 + 600, "{sent}");
    assert!(grown <= 128 * 1024, "{grown} bytes for {sent} packets of 1,000");
}
