//! What outlives a refusal. No table is declared `is on_refusal` yet, so these put the row on
//! record themselves, as [`Draft::record`] does for such a table.

use std::sync::Arc;

use super::super::{Plan, Run, Work, Write};
use super::*;
use crate::economy::ledger::{Account, AccountId, AccountKind, Asset, AssetCode, OwnerId};
use crate::engine::{Ctx, FeedCursor, Settings};
use crate::events::{Actor, Position};
use crate::rooms::{Event, RoomId};

fn row(name: &str, n: i64) -> FeedCursor {
    FeedCursor { consumer: name.into(), position: Position(n) }
}

fn record(draft: &mut Draft<'_>, row: FeedCursor) -> Result<(), Missing> {
    draft.put(row.clone())?;
    let row = Row::from(row);
    draft.recorded.insert(row.key(), Some(row));
    Ok(())
}

fn written(rows: &[FeedCursor]) -> Changeset {
    let write = |row: &FeedCursor| (Row::from(row.clone()).key(), Some(row.clone().into()));
    Changeset { writes: rows.iter().map(write).collect(), events: Vec::new() }
}

#[test]
fn what_was_recorded_stays_when_the_command_is_refused() {
    let held = Held::new().owned(row("tries", 1)).owned(row("other", 1));
    let drafted = || {
        let mut draft = Draft::new(&held);
        draft.put(row("other", 2)).unwrap();
        record(&mut draft, row("tries", 2)).unwrap();
        draft
    };
    assert_eq!(drafted().refuse(), written(&[row("tries", 2)]));
    assert_eq!(drafted().finish(), written(&[row("other", 2), row("tries", 2)]));
}

#[test]
fn what_was_recorded_stays_when_a_part_is_refused() {
    let held = Held::new().owned(row("tries", 1)).owned(row("other", 1));
    let mut draft = Draft::new(&held);
    let refused = draft.attempt(|draft| {
        record(draft, row("tries", 2))?;
        draft.put(row("other", 2))?;
        Err::<(), _>(Stop::Refused(crate::rooms::Refusal::Closed))
    });
    assert!(refused.is_err());
    assert_eq!(draft.finish(), written(&[row("tries", 2)]));
}

#[test]
fn what_was_recorded_is_written_and_nothing_is_told() {
    let ctx = Ctx::new(Timestamp(0), Actor::HOST, Arc::new(Settings::default()), [1; 32]);
    let mut plan = Plan::new();
    let refused = Work::new(ctx, |draft, _| {
        let tried = draft.need([FeedCursor::own("tries".into())]);
        match tried.and_then(|()| record(draft, row("tries", 2))) {
            Err(missing) => Run::Missing(missing),
            Ok(()) => {
                draft.emit(Event::Delisted { room: RoomId(crate::Uuid::nil()) });
                Run::Refused
            }
        }
    });
    plan.admit(refused, ());

    plan.locks();
    let resolved = plan.resolve(&Held::new().owned(row("tries", 1)));

    assert_eq!(resolved.writes, [Write::Update(row("tries", 2).into())]);
    assert!(resolved.events.is_empty() && resolved.deletes.is_empty());
    assert!(matches!(plan.settled()[..], [((), Ok(()))]));
}

#[test]
fn a_row_is_written_only_by_who_owns_the_row_it_is_within() {
    let asset = Asset {
        code: AssetCode::of("COIN"),
        scale: 0,
        transferable: true,
        sealed: false,
        supply_cap: None,
        changes: 1,
        closed_until: None,
        size: 1,
        at: Timestamp(0),
        issued: 0,
        burned: 0,
        frontier: Vec::new(),
    };
    let id = AccountId(crate::Uuid::max());
    let owner = Some(OwnerId(crate::Uuid::nil()));
    let account = Account::opened(id, asset.code, AccountKind::Wallet, owner);
    let held = Held::new().owned(account.clone());
    let missing = Missing(vec![Asset::own(asset.code)]);
    assert_eq!(Draft::new(&held).put(account.clone()), Err(missing.clone()));
    assert_eq!(Draft::new(&held).delete::<Account>(id), Err(missing.clone()));
    let held = held.shared(asset.clone());
    assert_eq!(Draft::new(&held).put(account.clone()), Err(missing));
    assert_eq!(Draft::new(&held.owned(asset)).put(account), Ok(()));
}
