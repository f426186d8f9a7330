use parlor_core::engine::{Invalid, Problem};
use parlor_core::events::{Actor, AnyEvent};
use parlor_core::identity::{
    AuthSession, AuthSessionId, CreateGuest, CreatedGuest, Event, Refusal, User,
};
use parlor_core::record::Digest;
use parlor_core::storage::{Held, Lock};

use super::*;

#[test]
fn create_guest_makes_a_person_and_a_session_for_thirty_days() {
    let ctx = ctx(Actor::HOST);
    let (id, session) = (ctx.new_id::<UserId>(), ctx.new_id::<AuthSessionId>());
    let held = Held::new().absent::<User>(id, Lock::Own);
    let held = held.absent::<AuthSession>(session, Lock::Own);
    let command = CreateGuest { display_name: " Ada ".into(), token_hash: Digest([3; 32]) };

    let (made, changes) = decide(held, Actor::HOST, &command).unwrap();

    let expires_at = NOW + std::time::Duration::from_secs(30 * 24 * 60 * 60);
    assert_eq!(made, CreatedGuest { user: id, display_name: "Ada".into(), expires_at });
    let person = User { created_at: NOW, updated_at: NOW, ..user(id) };
    let session = AuthSession {
        id: session,
        user_id: id,
        access_token_hash: Digest([3; 32]),
        expires_at,
        created_at: NOW,
    };
    let events = vec![AnyEvent::from(Event::GuestCreated { user: id })];
    assert_eq!(changes, Changeset { writes: [put(person), put(session)].into(), events });
}

#[test]
fn create_guest_refuses_a_name_that_does_not_fit() {
    let command = CreateGuest { display_name: "x".repeat(51), token_hash: Digest([3; 32]) };
    let invalid = Invalid { field: "display_name", problem: Problem::TooLong { max: 50 } };
    assert_eq!(refusal(Held::new(), Actor::HOST, &command), Refusal::Invalid(invalid));
}
