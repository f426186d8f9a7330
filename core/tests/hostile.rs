//! What comes from outside: commands that are none, names that play tricks, tokens and cursors
//! that somebody made up.
#![cfg(feature = "conformance")]

use parlor_core::Uuid;
use parlor_core::calls::{EndReason, LegRefused, ReportQuality};
use parlor_core::conformance::{World, block_on};
use parlor_core::engine::{
    AnyCommand, BadCommand, Error, IdempotencyKey, Invalid, KEY_BYTES_MAX, Problem,
};
use parlor_core::identity::{self, CreateGuest, Token};
use parlor_core::media::Setup;
use parlor_core::record::Digest;
use parlor_core::rooms::{ExpireEmpty, LegConnected, ParticipantId, RoomId};
use parlor_core::storage::MemoryStore;
use serde_json::{Value, json};

const ID: &str = "01945a6e-7c00-7000-8000-000000000001";

/// A well-formed command of every public name.
fn good(name: &str) -> Value {
    let about_participant = json!({ "room": ID, "participant": ID });
    let data = match name {
        "rooms.create" => json!({ "name": "Tea", "stage_mode": "moderated" }),
        "rooms.lock" | "rooms.unlock" | "rooms.close" | "rooms.join" | "rooms.grant_next" => {
            json!({ "room": ID })
        }
        "rooms.ban" => json!({ "room": ID, "user": ID, "reason": "why" }),
        "rooms.lift_ban" => json!({ "room": ID, "user": ID }),
        "rooms.set_self_mute" => json!({ "room": ID, "participant": ID, "muted": false }),
        _ => about_participant,
    };
    json!({ "name": name, "data": data })
}

fn read(json: &Value) -> Result<AnyCommand, BadCommand> {
    AnyCommand::from_network(json.to_string().as_bytes())
}

/// The field that is named as the one at fault.
fn field_at_fault(json: &Value) -> Option<String> {
    match read(json) {
        Err(BadCommand::Malformed { field, .. }) => field,
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn every_public_command_is_read() {
    for name in AnyCommand::PUBLIC {
        let command = read(&good(name)).unwrap();
        assert_eq!(command.name(), *name);
        let again = serde_json::to_vec(&command).unwrap();
        assert_eq!(AnyCommand::from_network(&again), Ok(command));
    }
}

#[test]
fn an_internal_command_is_as_unknown_as_one_that_does_not_exist() {
    let (room, participant) = (RoomId(Uuid::nil()), ParticipantId(Uuid::nil()));
    let internal: [AnyCommand; 5] = [
        ReportQuality { room, lease_epoch: 0, samples: Vec::new() }.into(),
        LegRefused { leg: Uuid::nil().into(), reason: EndReason::NodeLost }.into(),
        ExpireEmpty { room }.into(),
        LegConnected {
            room,
            participant,
            leg: Uuid::nil().into(),
            lease_epoch: 0,
            setup: Setup::default(),
        }
        .into(),
        CreateGuest { display_name: "Ada".into(), token_hash: Digest([0; 32]) }.into(),
    ];
    for command in internal {
        assert!(!AnyCommand::PUBLIC.contains(&command.name()));
        assert_eq!(read(&json!(command)), Err(BadCommand::Unknown));
    }
    for name in ["", "rooms", "rooms.", "rooms.joins", "Rooms.Join", "rooms.join ", "engine.forget"]
    {
        assert_eq!(read(&json!({ "name": name, "data": {} })), Err(BadCommand::Unknown), "{name}");
    }
}

#[test]
fn a_field_that_is_missing_too_many_or_wrong_is_named() {
    for name in AnyCommand::PUBLIC {
        let fields: Vec<String> = good(name)["data"].as_object().unwrap().keys().cloned().collect();
        for field in fields {
            let mut missing = good(name);
            missing["data"].as_object_mut().unwrap().remove(&field);
            if field != "reason" {
                assert_eq!(field_at_fault(&missing).as_deref(), Some(&*field), "{missing}");
            }
            for wrong in [json!(null), json!(1.5), json!({ "a": 1 }), json!([[]])] {
                let mut other = good(name);
                other["data"][&field] = wrong;
                assert_eq!(field_at_fault(&other).as_deref(), Some(&*field), "{other}");
            }
        }
        let mut extra = good(name);
        extra["data"]["role"] = json!("host");
        assert_eq!(field_at_fault(&extra).as_deref(), Some("role"), "{extra}");
        let mut beside = good(name);
        beside["actor"] = json!({ "kind": "system" });
        assert_eq!(field_at_fault(&beside).as_deref(), Some("actor"));
    }
}

#[test]
fn numbers_that_do_not_fit_are_named() {
    for capacity in [json!(-1), json!(4_294_967_296_u64), json!(1e3), json!("10")] {
        let mut create = good("rooms.create");
        create["data"]["max_participants"] = capacity;
        assert_eq!(field_at_fault(&create).as_deref(), Some("max_participants"), "{create}");
    }
}

#[test]
fn what_is_no_json_is_malformed() {
    let deep = format!(r#"{{"name":"rooms.join","data":{}"#, "[".repeat(200_000));
    let twice = format!(r#"{{"name":"rooms.join","data":{{"room":"{ID}","room":"{ID}"}}}}"#);
    let trailing = format!("{} {{}}", good("rooms.join"));
    let no_text = b"{\"name\":\"rooms.join\",\"data\":{\"room\":\"\xff\xfe\"}}".to_vec();
    let lone = br#"{"name":"rooms.create","data":{"name":"\ud800","stage_mode":"moderated"}}"#;
    for bytes in [
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"rooms.join\"".to_vec(),
        b"{\"name\":\"rooms.join\"}".to_vec(),
        b"{\"name\":1,\"data\":{}}".to_vec(),
        vec![0; 1_000],
        vec![b'9'; 1 << 20],
        deep.into_bytes(),
        twice.into_bytes(),
        trailing.into_bytes(),
        no_text,
        lone.to_vec(),
    ] {
        let read = AnyCommand::from_network(&bytes);
        assert!(matches!(read, Err(BadCommand::Malformed { .. })), "{read:?}");
    }
}

#[test]
fn an_answer_to_what_is_huge_is_not_huge() {
    let huge = "x".repeat(1 << 22);
    let mut create = good("rooms.create");
    create["data"]["stage_mode"] = json!(huge);
    let named = json!({ "name": huge, "data": {} });
    assert_eq!(read(&named), Err(BadCommand::Unknown));
    let Err(bad) = read(&create) else { panic!("it was read") };
    assert!(bad.to_string().len() < 1_000, "{} bytes", bad.to_string().len());
    let mut extra = good("rooms.join");
    extra["data"][&huge] = json!(1);
    let Err(bad) = read(&extra) else { panic!("it was read") };
    assert!(format!("{bad:?}").len() < 2_000, "{} bytes", format!("{bad:?}").len());
}

#[test]
fn names_play_no_tricks() {
    let world = World::new(MemoryStore::new());
    let sign_up = |name: &str| block_on(world.parlor.sign_up_guest(name));
    let refused = |name: &str| match sign_up(name) {
        Err(Error::Refused(identity::Refusal::Invalid(Invalid { field, problem }))) => {
            assert_eq!(field, "display_name");
            problem
        }
        other => panic!("{name:?}: {other:?}"),
    };

    for empty in ["", " ", "\t\n", "\u{3000}"] {
        assert_eq!(refused(empty), Problem::Empty);
    }
    for c in [
        '\0', '\n', '\t', '\u{7f}', '\u{85}', '\u{9f}', '\u{200e}', '\u{200f}', '\u{202a}',
        '\u{202e}', '\u{2066}', '\u{2069}', '\u{2028}', '\u{2029}', '\u{feff}',
    ] {
        assert_eq!(refused(&format!("A{c}da")), Problem::ForbiddenCharacter(c));
    }
    let too_long = Problem::TooLong { max: 50 };
    assert_eq!(refused(&"x".repeat(51)), too_long);
    assert_eq!(refused(&"e\u{301}".repeat(51)), too_long);
    assert_eq!(refused(&"x".repeat(1 << 22)), too_long);
    assert_eq!(refused(&format!("x{}", "\u{301}".repeat(10_000))), too_long);

    for name in ["Ada", "Ådå", "李", "👩‍👩‍👧‍👦", "🏳️‍🌈 Ada", "مريم", "O'Neil; drop table--"]
    {
        assert_eq!(sign_up(name).unwrap().display_name, name);
    }
    assert_eq!(sign_up("  Ada \t").unwrap().display_name, "Ada");
    let family = "👩‍👩‍👧‍👦".repeat(50);
    assert_eq!(sign_up(&family).unwrap().display_name, family, "50 graphemes are 50 characters");
    assert_eq!(refused(&"👩‍👩‍👧‍👦".repeat(51)), too_long);
}

#[test]
fn a_token_opens_for_its_owner_alone() {
    let world = World::new(MemoryStore::new());
    let ada = block_on(world.parlor.sign_up_guest("Ada")).unwrap();
    let token = ada.token.reveal();
    let opens = |token: &str| block_on(world.parlor.authenticate(token));
    assert_eq!(opens(&token).unwrap().user(), Some(ada.user));

    let forged = (0..token.len()).map(|at| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    });
    let others = ["", "A", "not a token", &token[1..], &format!("{token}A"), &format!(" {token}")]
        .map(str::to_owned);
    let padded = format!("{token}=");
    let hash = format!("{:?}", ada.token.hash());
    for token in forged.chain(others).chain([padded, hash, "A".repeat(1 << 20)]) {
        let denied = opens(&token);
        assert!(
            matches!(denied, Err(Error::Refused(identity::Refusal::Unauthenticated))),
            "{token:.80}: {denied:?}"
        );
    }

    world.clock.advance(world.parlor.settings().guest_session_ttl);
    assert!(opens(&token).is_err(), "it is good for its time, and no longer");
}

#[test]
fn a_token_is_not_shown() {
    let world = World::new(MemoryStore::new());
    let guest = block_on(world.parlor.sign_up_guest("Ada")).unwrap();
    let secret = guest.token.reveal();
    assert_eq!(secret.len(), 43);
    let parsed: Token = secret.parse().unwrap();
    assert_eq!(format!("{parsed:?}"), "Token(…)");
    assert_eq!("forged".parse::<Token>().unwrap_err().to_string(), "this is not a token");

    // Neither is it in what others may come by: rows, events, and what is logged of them.
    let session = world.rows::<identity::AuthSession>();
    let hash = guest.token.hash();
    for text in [format!("{guest:?}"), format!("{session:?}"), format!("{:?}", world.feed())] {
        assert!(!text.contains(&secret), "{text}");
    }
    assert!(hash.0 != [0; 32] && format!("{hash:?}").len() < 24, "{hash:?}");
}

#[test]
fn an_idempotency_key_is_short_and_visible() {
    for good in ["k", "a-b:c/1", &"x".repeat(KEY_BYTES_MAX)] {
        assert!(IdempotencyKey::new(good).is_some(), "{good}");
    }
    for bad in ["", " ", "a b", "a\n", "é", "\u{7f}", &"x".repeat(KEY_BYTES_MAX + 1)] {
        assert!(IdempotencyKey::new(bad).is_none(), "{bad:?}");
    }
}
