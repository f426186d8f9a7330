//! What a forwarded packet costs in allocations: nothing. One that comes in has a few.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use parlor_media_str0m::client::ClientOutput;
use parlor_media_str0m::engine::{Datagram, Input, Output};

use world::{ALL, World, ms, participant, room};

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "engine/world.rs"]
mod world;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator as it is; counting touches no memory of it.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations and copies of a hundred packets to `listeners` people.
fn forward(listeners: u128) -> (u64, u64) {
    let mut world = World::new();
    for who in 0..=listeners {
        world.add(room(1), participant(who), ALL);
    }
    world.settle();
    world.speak(&[(0, -20)], 50);
    let packets: Vec<_> = (0..100).map(|frame| packet_of(&mut world, frame)).collect();
    let before = (ALLOCATIONS.load(Ordering::Relaxed), world.stats().packets_out);
    for bytes in &packets {
        let datagram =
            Datagram { source: world.peers[0].seen_as, destination: world.server, bytes };
        world.shard.handle(Input::Datagram(datagram), world.now);
        loop {
            match world.shard.poll() {
                Output::Batch(batch) => world.shard.recycle(batch),
                Output::Timeout(_) => break,
                Output::Event(_) | Output::Reply(..) => {}
            }
        }
    }
    let after = (ALLOCATIONS.load(Ordering::Relaxed), world.stats().packets_out);
    world.run(ms(0));
    (after.0 - before.0, after.1 - before.1)
}

/// The datagram of the first client's next frame, which is not sent.
fn packet_of(world: &mut World, frame: u8) -> Vec<u8> {
    let client = &mut world.peers[0].client;
    client.send_opus([0xF8; 60].map(|byte| byte ^ frame), -20, world.now);
    let mut packet = None;
    loop {
        match client.poll() {
            ClientOutput::Transmit(datagram) if datagram.bytes[0] >= 128 => {
                packet = Some(datagram.bytes);
            }
            ClientOutput::Timeout(_) => return packet.unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_forwarded_packet_allocates_nothing() {
    let (few, few_copies) = forward(20);
    let (many, many_copies) = forward(120);
    assert_eq!((few_copies, many_copies), (2_000, 12_000));
    assert!(few > 0, "the counter counts");
    assert_eq!(few, many, "{few} allocations with 20 listeners, {many} with 120");
}
