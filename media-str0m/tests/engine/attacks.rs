//! What comes from people who mean harm, or from machines that are broken.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::world::{ALL, Dice, World, leg, ms, participant, room, said};
use parlor_core::media::{CloseReason, Connect, MediaError, Refused, SdpOffer};
use parlor_media_str0m::client::{Client, ClientConfig};
use parlor_media_str0m::engine::{
    CANDIDATES_MAX, Command, Input, LINES_MAX, M_LINES_MAX, Reply, SDP_BYTES_MAX, SOURCES_MAX,
    SSRC_LINES_MAX,
};

fn offer(address: &str) -> String {
    let config = ClientConfig::at(address.parse().unwrap());
    Client::new(config, Instant::now()).offer().unwrap()
}

fn connect(offer: String) -> Connect {
    Connect {
        leg: leg(1),
        room: room(1),
        participant: participant(1),
        rights: ALL,
        offer: SdpOffer(offer),
    }
}

/// An RTP packet nobody has signed.
fn forged_rtp(ssrc: u32, seq: u16, mid: &str) -> Vec<u8> {
    let mut packet = vec![0x90, 111];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&(u32::from(seq) * 960).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    // RFC 8285 one-byte header extension: the MID, under the number both sides use.
    let mut extension = vec![4 << 4 | u8::try_from(mid.len() - 1).unwrap()];
    extension.extend_from_slice(mid.as_bytes());
    extension.resize(extension.len().next_multiple_of(4), 0);
    packet.extend_from_slice(&[0xBE, 0xDE]);
    packet.extend_from_slice(&u16::try_from(extension.len() / 4).unwrap().to_be_bytes());
    packet.extend_from_slice(&extension);
    packet.extend_from_slice(&[7; 76]);
    packet
}

#[test]
fn offers_beyond_a_limit_are_refused_fast() {
    let good = offer("192.168.1.1:1");
    let with = |line: &str, times: usize| format!("{good}{}", line.repeat(times));
    let too_many = |what: &'static str, count: usize, max: usize| {
        Some(Refused::SdpTooMany { what, count, max })
    };
    let ssrc = |n: usize| (0..n).map(|n| format!("a=ssrc:{n} cname:x\r\n")).collect::<String>();
    let candidates = |n: usize| {
        (0..n)
            .map(|n| format!("a=candidate:{n} 1 udp 9 10.0.0.1 {} typ host\r\n", n % 60_000 + 1))
            .collect::<String>()
    };
    let own_ssrc = good.lines().filter(|line| line.starts_with("a=ssrc:")).count();
    let table = [
        ("a good one", good.clone(), None),
        (
            "500 m-lines",
            with("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 500),
            too_many("m-lines", 504, M_LINES_MAX),
        ),
        (
            "candidates",
            format!("{good}{}", candidates(1_000)),
            too_many("candidates", 1_001, CANDIDATES_MAX),
        ),
        (
            "20,000 candidates",
            format!("{good}{}", candidates(20_000)),
            Some(Refused::SdpTooLong { bytes: 0, max: SDP_BYTES_MAX }),
        ),
        (
            "ssrc lines",
            format!("{good}{}", ssrc(1_000)),
            too_many("ssrc lines", 1_000 + own_ssrc, SSRC_LINES_MAX),
        ),
        ("lines", with("a=x\r\n", LINES_MAX), too_many("lines", 0, LINES_MAX)),
        (
            "5 MB",
            with("a=x:", 1_250_000),
            Some(Refused::SdpTooLong { bytes: 0, max: SDP_BYTES_MAX }),
        ),
        ("nothing", String::new(), Some(Refused::Unusable(String::new()))),
        ("no sdp", "hello".repeat(100), Some(Refused::Unusable(String::new()))),
        (
            "no fingerprint",
            good.replace("a=fingerprint", "a=x-fingerprint"),
            Some(Refused::Unusable(String::new())),
        ),
        (
            "no Opus",
            good.replace("opus/48000/2", "speex/8000"),
            Some(Refused::Unusable(String::new())),
        ),
        (
            "ICE-lite",
            good.replacen("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", 1),
            Some(Refused::Unusable(String::new())),
        ),
        (
            "an empty group",
            good.replace("a=group:BUNDLE", "a=x-group:"),
            Some(Refused::Unusable(String::new())),
        ),
    ];
    for (name, sdp, expected) in table {
        let mut world = World::new();
        let bytes = sdp.len();
        let lines = sdp.lines().count();
        let started = Instant::now();
        let refused = match world.connect(connect(sdp)) {
            Ok(_) => None,
            Err(MediaError::Refused(refused)) => Some(refused),
            Err(error) => panic!("{name}: {error}"),
        };
        // Generous: what matters is that it is nowhere near the seconds of a parsed bomb.
        assert!(started.elapsed() < Duration::from_secs(2), "{name}: {:?}", started.elapsed());
        let expected = expected.map(|refused| match refused {
            Refused::SdpTooLong { max, .. } => Refused::SdpTooLong { bytes, max },
            Refused::SdpTooMany { what: "lines", max, .. } => {
                Refused::SdpTooMany { what: "lines", count: lines, max }
            }
            other => other,
        });
        match (&refused, &expected) {
            (Some(Refused::Unusable(why)), Some(Refused::Unusable(_))) => {
                assert!(!why.is_empty() && why.len() < 400, "{name}: {why}");
            }
            _ => assert_eq!(refused, expected, "{name}"),
        }
        assert_eq!(world.stats().sessions, u64::from(expected.is_none()), "{name}");
    }
}

#[test]
fn full_size_offers_within_the_limits_are_answered_or_refused_fast() {
    // The worst that gets past the counters: the parser must not be quadratic in any of them.
    let good = offer("192.168.1.1:1");
    let fill = |line: &str| {
        let times = ((SDP_BYTES_MAX - good.len()) / line.len()).min(LINES_MAX - 200);
        format!("{good}{}", line.repeat(times))
    };
    let bombs = [
        fill("a=rtpmap:111 opus/48000/2\r\n"),
        fill("a=extmap:5 urn:x\r\n"),
        fill("a=fmtp:111 minptime=10\r\n"),
        fill("a=rid:1 send pt=1,2,3,4,5,6,7,8\r\n"),
        fill("a=x:yyyyyyyyyyyyyy\r\n"),
        format!("{good}a=simulcast:send {}\r\n", "a;".repeat(20_000)),
        format!("{good}a=group:BUNDLE {}\r\n", "0 ".repeat(20_000)),
    ];
    for bomb in bombs {
        let started = Instant::now();
        let _ = World::new().connect(connect(bomb.clone()));
        let took = started.elapsed();
        let head: String = bomb[good.len()..].chars().take(20).collect();
        assert!(took < Duration::from_secs(2), "{head} took {took:?}");
    }
}

#[test]
fn candidates_may_be_hidden_or_missing() {
    for replacement in [
        "a=candidate:1 1 udp 2113937151 0ce6a5e4-1111-2222-3333-abcdefabcdef.local 5000 typ host",
        "",
    ] {
        let mut world = World::new();
        let mut client = Client::new(ClientConfig::at("192.168.1.1:1".parse().unwrap()), world.now);
        let sdp: String = client
            .offer()
            .unwrap()
            .lines()
            .map(|line| if line.starts_with("a=candidate") { replacement } else { line })
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\r\n"))
            .collect();
        assert!(world.connect(connect(sdp)).is_ok());
    }
}

#[test]
fn nothing_is_sent_to_an_address_only_because_an_offer_names_it() {
    let mut world = World::new();
    let sdp = offer("192.168.1.1:1");
    let evil: String = ["169.254.169.254", "127.0.0.1", "10.0.0.99", "::ffff:10.0.0.1"]
        .iter()
        .map(|ip| format!("a=candidate:1 1 udp 2113937151 {ip} 80 typ host\r\n"))
        .collect();
    world.connect(connect(format!("{sdp}{evil}"))).unwrap();
    world.run(ms(14_000));
    assert_eq!(world.stray, []);
    assert_eq!(world.stats().datagrams_out, 0);
}

#[test]
fn garbage_is_met_with_silence() {
    let mut world = World::new();
    world.add(room(1), participant(1), ALL);
    world.peers[0].reachable = false;
    let seed = 0x5EED;
    let mut dice = Dice(seed);
    let mut bytes = [0; 200];
    for n in 0..100_000_u32 {
        let len = dice.below(bytes.len());
        for byte in &mut bytes[..len] {
            *byte = u8::try_from(dice.roll() & 0xFF).unwrap();
        }
        // Half of them look like one of the four protocols at first sight.
        if len > 8 && n % 2 == 0 {
            bytes[0] = [0, 20, 22, 128, 144, 176][dice.below(6)];
            if bytes[0] == 0 {
                bytes[1] = 1;
                let body = u16::try_from(len.saturating_sub(20)).unwrap();
                bytes[2..4].copy_from_slice(&body.to_be_bytes());
                bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
            }
        }
        let source =
            SocketAddr::from(([198, 51, 100, 7], 1_000 + u16::try_from(n % 50_000).unwrap()));
        world.inject(source, &bytes[..len]);
    }
    let stats = world.stats();
    assert_eq!((stats.datagrams_in, stats.datagrams_out, stats.sessions), (100_000, 0, 1));
    assert_eq!(stats.panics, 0);
    let dropped = stats.dropped;
    let sum = dropped.malformed + dropped.unknown_source + dropped.unknown_ufrag;
    assert_eq!(sum, 100_000, "seed {seed:#x}: {dropped:?}");
}

#[test]
fn mutated_packets_of_a_live_call_do_no_harm() {
    let mut world = World::room_of(2);
    let mut dice = Dice(0xBAD);
    let source = world.peers[0].seen_as;
    for frame in 0..200 {
        world.say(0, frame, -20);
        let samples: Vec<_> = world.sent.iter().cloned().collect();
        for _ in 0..10 {
            let (_, _, mut bytes) = samples[dice.below(samples.len())].clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            world.inject(source, &bytes);
        }
        world.run(ms(20));
    }
    let heard = world.peers[1].take();
    assert_eq!(heard.iter().filter_map(said).count(), 200, "{:?}", world.stats());
    assert_eq!(world.closed(world.peers[0].leg), None);
}

#[test]
fn a_replayed_packet_is_forwarded_once() {
    let mut world = World::room_of(2);
    for frame in 0..100 {
        world.say(0, frame, -20);
        let (source, _, bytes) = world.sent.back().unwrap().clone();
        for _ in 0..5 {
            world.inject(source, &bytes);
        }
        world.run(ms(20));
    }
    assert_eq!(world.peers[1].take().len(), 100);
    // Now and then the last that was sent was no RTP.
    assert!((450..=500).contains(&world.stats().dropped.unauthenticated));
}

#[test]
fn stun_must_be_signed_and_for_somebody() {
    let mut world = World::new();
    world.add(room(1), participant(1), ALL);
    world.run(ms(5));
    // A valid request, as its owner sent it.
    let (_, _, valid) = world.sent.iter().find(|(_, _, bytes)| bytes[0] == 0).unwrap().clone();
    let stranger: SocketAddr = "203.0.113.9:9".parse().unwrap();
    let before = world.stats();
    // Another username fragment.
    let mut other = valid.clone();
    let ufrag = other.windows(2).position(|pair| pair == [0, 6]).unwrap() + 4;
    other[ufrag] ^= 1;
    world.inject(stranger, &other);
    // A wrong signature: any bit of what is signed will do.
    let mut forged = valid.clone();
    forged[10] ^= 1;
    world.inject(stranger, &forged);
    let after = world.stats();
    assert_eq!(after.dropped.unknown_ufrag - before.dropped.unknown_ufrag, 1);
    assert_eq!(after.dropped.bad_integrity - before.dropped.bad_integrity, 1);
    assert_eq!(after.datagrams_out, before.datagrams_out);
    // DTLS, RTP and RTCP from someone who has not proved anything.
    for first in [22, 128, 200] {
        let mut bytes = [first; 60];
        bytes[1] = 200;
        world.inject(stranger, &bytes);
    }
    assert_eq!(world.stats().datagrams_out, before.datagrams_out);
    assert!(world.stray.is_empty());
}

#[test]
fn a_session_has_at_most_sixteen_addresses() {
    let mut world = World::room_of(2);
    // The client's own requests, seen to come from everywhere. They are validly signed.
    world.run(ms(4_000));
    let (_, _, valid) =
        world.sent.iter().rfind(|(_, _, bytes)| bytes[0] == 0 && bytes[1] == 1).unwrap().clone();
    let before = world.stats();
    for port in 1..=1_000 {
        world.inject(SocketAddr::from(([203, 0, 113, 1], port)), &valid);
    }
    let after = world.stats();
    let refused = after.dropped.too_many_sources - before.dropped.too_many_sources;
    assert_eq!(refused, 1_000 - (SOURCES_MAX as u64 - 1));
    // The call goes on, and what went to the strangers were checks, never media.
    world.speak(&[(0, -20), (1, -20)], 100);
    assert_eq!(world.peers[0].take().len(), 100);
    assert_eq!(world.peers[1].take().len(), 100);
    assert!(world.stray.iter().all(|(_, _, bytes)| bytes[0] < 2));
}

#[test]
fn a_neighbours_address_cannot_be_taken() {
    let mut world = World::room_of(2);
    world.run(ms(4_000));
    let mine = world.peers[0].seen_as;
    let theirs = world.peers[1].seen_as;
    let (_, _, valid) = world
        .sent
        .iter()
        .rfind(|(from, _, bytes)| *from == mine && bytes[0] == 0 && bytes[1] == 1)
        .unwrap()
        .clone();
    // A guest's own request, with a neighbour's address forged as its source.
    world.inject(theirs, &valid);
    assert_eq!(world.stats().dropped.source_taken, 1);
    world.speak(&[(1, -20)], 50);
    assert_eq!(world.peers[0].take().len(), 50);
}

#[test]
fn a_spoofed_nomination_moves_no_media() {
    let mut world = World::room_of(2);
    world.run(ms(4_000));
    let mine = world.peers[0].seen_as;
    // A signed request that nominates (USE-CANDIDATE, attribute 0x25), replayed from a victim's
    // address.
    let nominates = |bytes: &[u8]| bytes.windows(4).any(|four| four == [0, 0x25, 0, 0]);
    let (_, _, valid) = world
        .sent
        .iter()
        .rfind(|(from, _, bytes)| {
            *from == mine && bytes[0] == 0 && bytes[1] == 1 && nominates(bytes)
        })
        .unwrap()
        .clone();
    world.inject("7.7.7.7:7777".parse().unwrap(), &valid);
    world.speak(&[(1, -20)], 550);
    assert_eq!(world.peers[0].take().len(), 550);
    let sent: usize = world.stray.iter().map(|(_, _, bytes)| bytes.len()).sum();
    assert!(sent <= 1_200, "{sent} bytes to an unproven address");
    assert!(world.stray.iter().all(|(_, _, bytes)| bytes[0] < 2));
}

#[test]
fn forged_dtls_breaks_no_handshake_and_no_session() {
    // What needs no key: alerts in plain text, a ClientHello, garbage (RFC 6347 §4.1).
    let record = |kind: u8, body: &[u8]| {
        let mut record = vec![kind, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9];
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    };
    let hello = {
        let mut body = vec![1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xFE, 0xFD];
        body.extend_from_slice(&[3; 32]);
        body.extend_from_slice(&[0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
        body
    };
    let forged =
        [record(21, &[2, 40]), record(21, &[1, 0]), record(22, &hello), record(23, &[9; 40])];
    let mut world = World::new();
    for who in 1..=2 {
        world.add(room(1), participant(who), ALL);
    }
    let source = world.peers[0].seen_as;
    for step in 0..400 {
        world.inject(source, &forged[step % forged.len()]);
        world.run(ms(5));
    }
    world.settle();
    for step in 0..200 {
        world.inject(source, &forged[step % forged.len()]);
    }
    world.speak(&[(0, -20), (1, -20)], 50);
    assert_eq!(world.peers[0].take().len(), 50);
    assert_eq!(world.peers[1].take().len(), 50);
}

#[test]
fn time_never_runs_backwards() {
    let mut world = World::room_of(2);
    world.speak(&[(0, -20)], 50);
    world.shard.handle(Input::Timeout, world.start);
    world.drain_shard();
    world.speak(&[(0, -20)], 50);
    world.now += Duration::from_secs(3_600);
    world.shard.handle(Input::Timeout, world.now);
    world.drain_shard();
    // An hour without a word: both are lost, and nobody is sent a farewell.
    assert_eq!(world.peers[1].take().len(), 100);
}

#[test]
fn speakers_may_have_the_same_names_and_numbers() {
    // Every publisher of this client starts at the same sequence number and timestamp; slots
    // are numbered on their own, so that nobody can collide with anybody.
    let mut world = World::room_of(4);
    world.speak(&[(0, -20), (1, -20), (2, -20)], 20);
    assert_eq!(world.peers[3].take().len(), 60);
}

#[test]
fn forged_rtp_does_not_disturb_a_speaker() {
    let mut world = World::new();
    let at = world.add(room(1), participant(1), ALL);
    world.add(room(1), participant(2), ALL);
    world.settle();
    let mid = world.peers[at].client.microphone_mid().unwrap();
    let source = world.peers[at].seen_as;
    let mut forged = 0;
    for frame in 0..400_u16 {
        world.say(at, u32::from(frame), -20);
        if frame >= 100 {
            let ssrc = if frame % 2 == 0 { 0xDEAD_0000 } else { 0xBEEF_0000 + u32::from(frame) };
            world.inject(source, &forged_rtp(ssrc, frame, &mid));
            forged += 1;
        }
        world.run(ms(20));
    }
    assert_eq!(world.peers[1].take().len(), 400);
    assert_eq!(world.stats().dropped.ssrc_guard, forged);
}

#[test]
fn forged_rtp_in_a_pause_does_not_disturb_what_follows() {
    let mut world = World::room_of(2);
    let mid = world.peers[0].client.microphone_mid().unwrap();
    let source = world.peers[0].seen_as;
    // Before the first packet, and in a pause long enough for the guard to let go.
    for n in 0..10 {
        world.inject(source, &forged_rtp(0xDEAD_0000 + u32::from(n), n, &mid));
    }
    world.speak(&[(0, -20)], 100);
    world.run(ms(3_000));
    for n in 0..10 {
        world.inject(source, &forged_rtp(0xBEEF_0000 + u32::from(n), n, &mid));
    }
    world.speak(&[(0, -20)], 100);
    assert_eq!(world.peers[1].take().len(), 200);
    assert_eq!(world.stats().dropped.ssrc_repaired, 20);
}

#[test]
fn a_panicking_session_falls_alone() {
    let mut world = World::room_of(10);
    let everyone: Vec<_> = (0..3).map(|at| (at, -20)).collect();
    world.speak(&everyone, 10);
    for peer in &mut world.peers {
        peer.take();
    }
    let poisoned = world.peers[4].leg;
    assert_eq!(world.command(Command::Poison { leg: poisoned }), Reply::Done);
    world.speak(&everyone, 50);
    assert_eq!(world.closed(poisoned), Some(CloseReason::Failed));
    for at in (0..10).filter(|at| *at != 4) {
        let expected = if at < 3 { 100 } else { 150 };
        assert_eq!(world.peers[at].take().len(), expected, "peer {at}");
        assert_eq!(world.closed(world.peers[at].leg), None);
    }
    assert_eq!((world.stats().panics, world.stats().sessions), (1, 9));
}

#[test]
fn a_shard_that_is_full_says_so() {
    let mut world = World::with(|config| config.sessions_max = 1);
    world.connect(connect(offer("192.168.1.1:1"))).unwrap();
    let mut second = connect(offer("192.168.1.1:2"));
    (second.leg, second.participant) = (leg(2), participant(2));
    assert_eq!(world.connect(second.clone()), Err(MediaError::Busy));
    world.command(Command::Disconnect { leg: leg(1) });
    assert!(world.connect(second).is_ok());
}
