use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use parlor_core::media::{Rights, SdpOffer};
use parlor_media_str0m::engine::{Command, Reply};

use crate::call::{Call, leg};

/// A handshake is the dearest thing in here.
const GUESTS_MAX: usize = 6;
const OPS_MAX: usize = 200;

/// Anything a host, a client or a stranger can do.
#[derive(Arbitrary, Debug)]
enum Op<'a> {
    Join { leg: u8, who: u8, room: u8, rights: Flags },
    SetRights { leg: u8, rights: Flags },
    Disconnect { leg: u8 },
    RestartIce { guest: u8 },
    Renegotiate { leg: u8, offer: &'a str },
    Talk { guest: u8, frames: u8, len: u8, level: i8 },
    Close { guest: u8 },
    Move { guest: u8, port: u16 },
    Replay { which: u8, from: u8 },
    Datagram { guest: u8, bytes: &'a [u8] },
    Wait { ms: u16 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Flags {
    send: bool,
    hear: bool,
    pinned: bool,
}

impl From<Flags> for Rights {
    fn from(flags: Flags) -> Self {
        Self { send_microphone: flags.send, hear: flags.hear, pinned: flags.pinned }
    }
}

/// A whole life of a shard, made up by the input.
pub fn ops(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let mut call = Call::new();
    for _ in 0..OPS_MAX {
        let Ok(op) = Op::arbitrary(&mut input) else { break };
        apply(&mut call, op);
        call.check();
        if input.is_empty() {
            break;
        }
    }
    call.end();
}

fn apply(call: &mut Call, op: Op<'_>) {
    let guests = call.guests.len();
    let at = |guest: u8| (guests > 0).then(|| usize::from(guest) % guests);
    match op {
        Op::Join { leg, who, room, rights } => {
            if guests < GUESTS_MAX {
                call.join(leg % 8, who % 6, room % 2, rights.into());
                (0..20).for_each(|_| call.wait(Duration::from_millis(5)));
            }
        }
        Op::SetRights { leg: n, rights } => {
            let rights = rights.into();
            let reply = call.command(Command::SetRights { leg: leg(n % 8), rights });
            assert_eq!(reply, Reply::Done);
        }
        Op::Disconnect { leg: n } => {
            let reply = call.command(Command::Disconnect { leg: leg(n % 8) });
            assert_eq!(reply, Reply::Done);
        }
        Op::RestartIce { guest } => {
            if let Some(at) = at(guest) {
                restart(call, at);
            }
        }
        Op::Renegotiate { leg: n, offer } => {
            let offer = SdpOffer(offer.to_owned());
            let reply = call.command(Command::Renegotiate { leg: leg(n % 8), offer });
            assert!(matches!(reply, Reply::Failed(_)), "{reply:?}");
        }
        Op::Talk { guest, frames, len, level } => {
            let Some(at) = at(guest) else { return };
            for _ in 0..frames % 16 {
                call.say(at, usize::from(len).max(1), level);
                call.wait(Duration::from_millis(20));
            }
        }
        Op::Close { guest } => at(guest).into_iter().for_each(|at| call.close(at)),
        Op::Move { guest, port } => {
            if let Some(at) = at(guest) {
                call.guests[at].address = SocketAddr::from(([198, 51, 100, 7], port.max(1)));
            }
        }
        Op::Replay { which, from } => {
            let sent = call.sent.get(usize::from(which)).cloned();
            if let (Some((_, bytes)), Some(at)) = (sent, at(from)) {
                call.inject(call.guests[at].address, &bytes);
            }
        }
        Op::Datagram { guest, bytes } => {
            if let Some(at) = at(guest) {
                call.inject(call.guests[at].address, bytes);
            }
        }
        Op::Wait { ms } => call.wait(Duration::from_millis(u64::from(ms))),
    }
}

fn restart(call: &mut Call, at: usize) {
    let Ok(offer) = call.guests[at].client.offer() else { return };
    let leg = call.guests[at].leg;
    match call.command(Command::Renegotiate { leg, offer: SdpOffer(offer) }) {
        // Another guest may have taken over the leg, and its answer fits its own offer alone.
        Reply::Answer(answer) => drop(call.guests[at].client.accept(&answer.0)),
        _ => call.guests[at].client.withdraw(),
    }
}
