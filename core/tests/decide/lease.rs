use parlor_core::engine::{Invalid, Problem};
use parlor_core::events::Actor;
use parlor_core::rooms::{
    ClaimRoom, Claimed, Event, Node, NodeRun, Refusal, ReleaseRoom, RenewLeases, Renewed, Room,
    RoomLease, StartNode, VacateRoom,
};
use parlor_core::storage::{Held, Lock};

use super::*;

const LEASE: std::time::Duration = std::time::Duration::from_secs(10);

fn node(name: &str, run: i64) -> Node {
    let url = format!("https://{name}");
    Node { name: name.into(), url, run, expires_at: NOW + LEASE }
}

fn run_of(node: &str, run: i64) -> NodeRun {
    NodeRun { node: node.into(), run }
}

/// The lease of a node, in its epoch 4.
fn had_by(name: &str, run: i64) -> RoomLease {
    RoomLease {
        room_id: ROOM,
        node: Some(name.into()),
        run,
        url: format!("https://{name}"),
        epoch: 4,
        expires_at: NOW + LEASE,
    }
}

fn run_out(lease: RoomLease) -> RoomLease {
    RoomLease { expires_at: NOW, ..lease }
}

/// Nobody's, after the epoch 4.
fn vacant() -> RoomLease {
    let (url, expires_at) = (String::new(), Timestamp::NEVER);
    RoomLease { node: None, url, epoch: 5, expires_at, ..had_by("a", 1) }
}

#[test]
fn a_node_that_starts_again_fences_its_earlier_process() {
    let start = StartNode { node: "a".into(), url: "https://a".into() };
    let first = Held::new().absent::<Node>("a".into(), Lock::Own);
    let (run, changes) = decide(first, Actor::HOST, &start).unwrap();
    assert_eq!((run, changes), (run_of("a", 1), changeset([put(node("a", 1))], [])));

    let (run, changes) = decide(Held::new().owned(node("a", 1)), Actor::HOST, &start).unwrap();
    assert_eq!((run, changes), (run_of("a", 2), changeset([put(node("a", 2))], [])));

    let nameless = StartNode { node: " ".into(), ..start };
    let empty = Refusal::Invalid(Invalid { field: "node", problem: Problem::Empty });
    assert_eq!(refusal(Held::new(), Actor::HOST, &nameless), empty);
}

fn claiming(room: Room, lease: Option<RoomLease>) -> Held {
    let held = Held::new().shared(room).shared(node("a", 2));
    match lease {
        Some(lease) => held.owned(lease),
        None => held.absent::<RoomLease>(ROOM, Lock::Own),
    }
}

#[test]
fn claim_takes_a_room_that_is_nobodys() {
    let claim = ClaimRoom { room: ROOM, by: run_of("a", 2) };
    for (lease, epoch) in [(None, 1), (Some(vacant()), 6)] {
        let (claimed, changes) = decide(claiming(room(), lease), Actor::HOST, &claim).unwrap();
        assert_eq!(claimed, Claimed::Ours { epoch });
        let taken = Event::Claimed { room: ROOM, node: "a".into(), epoch };
        let lease = RoomLease { epoch, ..had_by("a", 2) };
        assert_eq!(changes, changeset([put(lease)], [taken]));
    }
}

#[test]
fn claim_takes_what_has_run_out_or_was_had_by_an_earlier_process_of_the_name() {
    let claim = ClaimRoom { room: ROOM, by: run_of("a", 2) };
    for lease in [run_out(had_by("b", 7)), had_by("a", 1)] {
        let held = claiming(room(), Some(lease));
        let (claimed, changes) = decide(held, Actor::HOST, &claim).unwrap();
        assert_eq!(claimed, Claimed::Ours { epoch: 5 });
        let lease = RoomLease { epoch: 5, ..had_by("a", 2) };
        let lost = Event::Vacated { room: ROOM, epoch: 4 };
        let taken = Event::Claimed { room: ROOM, node: "a".into(), epoch: 5 };
        assert_eq!(changes, changeset([put(lease)], [lost, taken]));
    }
}

#[test]
fn claim_says_who_has_the_room() {
    let claim = ClaimRoom { room: ROOM, by: run_of("a", 2) };
    let claimed = |lease| decide(claiming(room(), Some(lease)), Actor::HOST, &claim).unwrap();
    let elsewhere = Claimed::Elsewhere { node: "b".into(), url: "https://b".into() };
    assert_eq!(claimed(had_by("b", 7)), (elsewhere, changeset([], [])));
    let ours = Claimed::Ours { epoch: 4 };
    assert_eq!(claimed(had_by("a", 2)), (ours.clone(), changeset([], [])));
    // Late, but nobody else came.
    assert_eq!(claimed(run_out(had_by("a", 2))), (ours, changeset([], [])));
}

#[test]
fn claim_is_refused_for_a_closed_room_and_to_a_process_that_was_replaced() {
    let claim = ClaimRoom { room: ROOM, by: run_of("a", 2) };
    assert_eq!(refusal(claiming(closed(), None), Actor::HOST, &claim), Refusal::Closed);
    let replaced = ClaimRoom { room: ROOM, by: run_of("a", 1) };
    assert_eq!(refusal(claiming(room(), None), Actor::HOST, &replaced), Refusal::Fenced);
}

#[test]
fn renew_keeps_what_is_ones_own_and_tells_what_is_not() {
    let by = run_of("a", 2);
    let renew = RenewLeases { by: by.clone(), rooms: vec![(ROOM, 4)] };
    let soon = Node { expires_at: NOW, ..node("a", 2) };
    let held = |lease: RoomLease| Held::new().owned(soon.clone()).owned(lease);

    let (renewed, changes) = decide(held(run_out(had_by("a", 2))), Actor::HOST, &renew).unwrap();
    assert_eq!(renewed, Renewed::default());
    assert_eq!(changes, changeset([put(node("a", 2)), put(had_by("a", 2))], []));

    for gone in [RoomLease { epoch: 5, ..had_by("b", 7) }, vacant()] {
        let (renewed, changes) = decide(held(gone), Actor::HOST, &renew).unwrap();
        assert_eq!(renewed, Renewed { lost: vec![ROOM] });
        assert_eq!(changes, changeset([put(node("a", 2))], []));
    }

    let replaced = RenewLeases { by: run_of("a", 1), rooms: Vec::new() };
    assert_eq!(refusal(Held::new().owned(node("a", 2)), Actor::HOST, &replaced), Refusal::Fenced);
    let many = RenewLeases { by, rooms: vec![(ROOM, 4); 501] };
    let problem = Problem::OutOfRange { min: 0, max: 500 };
    let invalid = Refusal::Invalid(Invalid { field: "rooms", problem });
    assert_eq!(refusal(Held::new(), Actor::HOST, &many), invalid);
}

#[test]
fn a_lease_is_taken_once_it_has_run_out_and_given_back_at_any_time() {
    let (vacate, release) =
        (VacateRoom { room: ROOM, epoch: 4 }, ReleaseRoom { room: ROOM, epoch: 4 });
    let held = |lease: RoomLease| Held::new().shared(room()).owned(lease);
    let lost = changeset([put(vacant())], [Event::Vacated { room: ROOM, epoch: 4 }]);
    let vacant_of = |lease: RoomLease| RoomLease { run: 1, ..lease };

    let out = vacant_of(run_out(had_by("a", 1)));
    assert_eq!(changes(held(out), Actor::HOST, &vacate), lost);
    let kept = held(had_by("a", 1)).shared(node("a", 1));
    assert_eq!(changes(kept, Actor::HOST, &vacate), changeset([], []));
    let anew = held(had_by("a", 1)).shared(node("a", 2));
    assert_eq!(changes(anew, Actor::HOST, &vacate), lost);
    assert_eq!(changes(held(had_by("a", 1)), Actor::HOST, &release), lost);
    let later = RoomLease { epoch: 6, ..run_out(had_by("b", 7)) };
    assert_eq!(changes(held(later.clone()), Actor::HOST, &vacate), changeset([], []));
    assert_eq!(changes(held(later), Actor::HOST, &release), changeset([], []));

    let over = Held::new().shared(closed()).owned(had_by("a", 1));
    let nothing_left = changeset([delete::<RoomLease>(ROOM)], []);
    assert_eq!(changes(over, Actor::HOST, &release), nothing_left);
    // A node that died tells of no leg.
    let over = Held::new().shared(closed()).owned(run_out(had_by("a", 1)));
    let orphaned = [Event::Vacated { room: ROOM, epoch: 4 }];
    let lost = changeset([delete::<RoomLease>(ROOM)], orphaned);
    assert_eq!(changes(over, Actor::HOST, &vacate), lost);
}
