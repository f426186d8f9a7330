use std::sync::LazyLock;
use std::time::Instant;

use arbitrary::{Arbitrary, Unstructured};
use parlor_core::Uuid;
use parlor_core::media::{Connect, MediaError, Refused, SdpOffer};
use parlor_core::rooms::{ParticipantId, RoomId};
use parlor_media_str0m::client::{Client, ClientConfig};
use parlor_media_str0m::engine::{Command, Reply};

use crate::call::{ALL, Call, leg};

/// A reason is for a person, so it is short.
const REASON_BYTES_MAX: usize = 400;

/// How to make an offer out of a good one.
#[derive(Arbitrary, Debug)]
enum Edit<'a> {
    Drop(u8),
    Double { line: u8, times: u16 },
    Swap(u8, u8),
    Put { line: u8, text: &'a str },
    Cut { line: u8, at: u8 },
    Number { line: u8, number: i64 },
}

/// An offer: any text, or a good one that has been worked on.
pub fn offer(input: &[u8]) {
    let mut rest = Unstructured::new(input);
    let text = match rest.arbitrary::<bool>() {
        Ok(true) => edited(&mut rest),
        _ => String::from_utf8_lossy(rest.take_rest()).into_owned(),
    };
    let mut call = Call::new();
    let reply = call.command(Command::Connect(Connect {
        leg: leg(1),
        room: RoomId(Uuid::from_u128(1)),
        participant: ParticipantId(Uuid::from_u128(1)),
        rights: ALL,
        offer: SdpOffer(text.clone()),
    }));
    match reply {
        Reply::Answer(answer) => {
            assert!(answer.0.starts_with("v=0"), "{answer:?}");
            // What has been taken once is taken again, or refused; the leg stands or is gone.
            call.command(Command::Renegotiate { leg: leg(1), offer: SdpOffer(text) });
        }
        Reply::Failed(MediaError::Refused(Refused::Unusable(why))) => {
            assert!(!why.is_empty() && why.len() <= REASON_BYTES_MAX, "{why}");
        }
        Reply::Failed(MediaError::Refused(_)) => {}
        reply => panic!("neither taken nor refused: {reply:?}"),
    }
    assert_eq!(call.shard.stats().datagrams_out, 0, "nobody is sent anything for an offer");
    call.end();
}

fn edited(rest: &mut Unstructured<'_>) -> String {
    static GOOD: LazyLock<String> = LazyLock::new(|| {
        let address = "192.168.1.10:5000".parse().expect("an address");
        let config = ClientConfig { data: true, ..ClientConfig::at(address) };
        Client::new(config, Instant::now()).offer().expect("a first offer")
    });
    let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
    while let Ok(edit) = Edit::arbitrary(rest) {
        edit.apply(&mut lines);
        if rest.is_empty() || lines.len() > 5_000 {
            break;
        }
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

impl Edit<'_> {
    fn apply(self, lines: &mut Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let count = lines.len();
        let at = |line: u8| usize::from(line) % count;
        match self {
            Self::Drop(line) => drop(lines.remove(at(line))),
            Self::Double { line, times } => {
                let line = lines[at(line)].clone();
                lines.extend(std::iter::repeat_n(line, usize::from(times) % 300));
            }
            Self::Swap(one, two) => lines.swap(at(one), at(two)),
            Self::Put { line, text } => lines.insert(at(line), text.replace(['\r', '\n'], " ")),
            Self::Cut { line, at: to } => {
                let line = at(line);
                let to = usize::from(to).min(lines[line].len());
                let to = (0..=to).rev().find(|to| lines[line].is_char_boundary(*to));
                lines[line].truncate(to.unwrap_or(0));
            }
            Self::Number { line, number } => {
                let line = at(line);
                let is_digit = |c: char| c.is_ascii_digit();
                let Some(from) = lines[line].find(is_digit) else { return };
                let to = lines[line][from..].find(|c| !is_digit(c));
                let to = to.map_or(lines[line].len(), |len| from + len);
                lines[line].replace_range(from..to, &number.to_string());
            }
        }
    }
}
