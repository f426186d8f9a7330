//! Assets and accounts change by an entry of the log each.

use super::posting::after;
use super::seal::Sealed;
use super::{Account, AccountChange, Asset, AssetChange, Block, Event};
use crate::engine::Ctx;
use crate::storage::{Draft, Missing};

/// Writes an asset as it shall be from now on.
pub(super) fn change_asset(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    mut asset: Asset,
) -> Result<(), Missing> {
    asset.changes += 1;
    asset.at = ctx.now.max(after(asset.at));
    let change = AssetChange {
        asset: asset.code,
        n: asset.changes,
        seq: asset.size,
        at: asset.at,
        scale: asset.scale,
        transferable: asset.transferable,
        sealed: asset.sealed,
        supply_cap: asset.supply_cap,
        closed_until: asset.closed_until,
        user_id: ctx.actor.user(),
    };
    append(draft, &mut asset, &change)?;
    draft.fresh::<AssetChange>((change.asset, change.n));
    draft.emit(Event::AssetChanged { asset: change.asset, n: change.n });
    draft.put(change)?;
    draft.put(asset)
}

/// Writes an account as it shall be from now on. Its asset is owned.
pub(super) fn change_account(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    mut account: Account,
) -> Result<(), Missing> {
    let mut asset = draft.get::<Asset>(account.asset)?.expect("an account's asset is there");
    account.changes += 1;
    asset.at = ctx.now.max(after(asset.at));
    let change = AccountChange {
        account_id: account.id,
        n: account.changes,
        asset: asset.code,
        seq: asset.size,
        at: asset.at,
        kind: account.kind,
        owner: account.owner,
        has_floor: account.has_floor,
        credit_limit: account.credit_limit,
        ceiling: account.ceiling,
        frozen_in: account.frozen_in,
        frozen_out: account.frozen_out,
        closed: account.closed,
        velocity: account.rules(),
        user_id: ctx.actor.user(),
    };
    append(draft, &mut asset, &change)?;
    draft.fresh::<AccountChange>((change.account_id, change.n));
    draft.emit(Event::AccountChanged { account: change.account_id, n: change.n });
    draft.put(change)?;
    draft.put(account)?;
    draft.put(asset)
}

fn append(draft: &mut Draft<'_>, asset: &mut Asset, entry: &impl Sealed) -> Result<(), Missing> {
    match asset.append(entry) {
        None => Ok(()),
        Some(block) => {
            draft.fresh::<Block>((block.asset, block.n));
            draft.put(block)
        }
    }
}
