use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};

use crate::call::Call;

/// A handshake costs more than a thousand datagrams, so a call is used for so many inputs.
const INPUTS_PER_CALL: u32 = 256;

#[derive(Arbitrary, Debug)]
enum Sent<'a> {
    /// Any bytes, from an address nobody knows or from a guest's.
    Raw(Source, &'a [u8]),
    /// Something a guest has really sent, changed.
    Changed(Source, u8, Vec<Change>),
    /// What a guest says next, so that the call goes on.
    Frame {
        len: u8,
        level: i8,
    },
    Time(u8),
}

#[derive(Arbitrary, Debug)]
enum Source {
    Stranger(u8),
    Guest,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Flip { at: u16, with: u8 },
    Cut(u16),
    Insert { at: u16, byte: u8 },
}

/// Datagrams of any kind into a call of two that is up.
pub fn datagram(input: &[u8]) {
    thread_local! {
        static CALL: RefCell<(u32, Option<Call>)> = const { RefCell::new((0, None)) };
    }
    let mut input = Unstructured::new(input);
    CALL.with_borrow_mut(|(used, kept)| {
        let call = kept.get_or_insert_with(|| Call::of(2));
        while let Ok(sent) = Sent::arbitrary(&mut input) {
            apply(call, sent);
            if input.is_empty() {
                break;
            }
        }
        call.check();
        *used += 1;
        // A leg that has been ended, as its guest's own goodbye may do, makes a dull call.
        let is_dull = call.shard.stats().sessions < 2;
        if (*used >= INPUTS_PER_CALL || is_dull)
            && let Some(call) = kept.take()
        {
            *used = 0;
            call.end();
        }
    });
}

fn apply(call: &mut Call, sent: Sent<'_>) {
    let address = |call: &Call, source: Source| match source {
        Source::Stranger(n) => SocketAddr::from(([198, 51, 100, n], 9_000)),
        Source::Guest => call.guests[0].address,
    };
    match sent {
        Sent::Raw(source, bytes) => {
            let source = address(call, source);
            call.inject(source, bytes);
        }
        Sent::Changed(source, which, changes) => {
            let Some((_, bytes)) = call.sent.get(usize::from(which) % call.sent.len().max(1))
            else {
                return;
            };
            let mut bytes = bytes.clone();
            changes.into_iter().for_each(|change| change.apply(&mut bytes));
            let source = address(call, source);
            call.inject(source, &bytes);
        }
        Sent::Frame { len, level } => call.say(0, usize::from(len).max(1), level),
        Sent::Time(ms) => call.wait(Duration::from_millis(u64::from(ms))),
    }
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip { at, with } => {
                let at = usize::from(at) % bytes.len().max(1);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= with);
            }
            Self::Cut(len) => bytes.truncate(usize::from(len)),
            Self::Insert { at, byte } => bytes.insert(usize::from(at) % (bytes.len() + 1), byte),
        }
    }
}
