use crate::economy::ledger::finding::{Findings, Place};
use crate::economy::ledger::seal::BLOCK_LEAVES;
use crate::economy::ledger::{
    AccountChange, Asset, AssetChange, AssetCode, Block, Transfer, queries,
};
use crate::engine::Parlor;
use crate::record::{Column, Stored, Value};
use crate::storage::{Cursor, Select, StoreError};

/// Where the rows of every log begin and end, whatever assets there are: what is outside of a log is
/// not found by going through it.
pub(super) struct Ends {
    entries: Vec<End>,
    blocks: Vec<End>,
}

/// The first and the last number that rows of one table have in the log of an asset.
struct End {
    asset: AssetCode,
    first: i64,
    last: i64,
}

impl Parlor {
    pub(super) async fn read_ends(&self) -> Result<Ends, StoreError> {
        let (from, to) = (i64::MIN, i64::MAX);
        let transfers = |asset| queries::transfers_in_log(asset, from, to);
        let accounts = |asset| queries::account_changes_in_log(asset, from, to);
        let assets = |asset| queries::asset_changes_in_log(asset, from, to);
        let blocks = |asset| queries::blocks(asset, from, to);
        let of_transfer = |it: &Transfer| (it.asset, it.seq);
        let of_account = |it: &AccountChange| (it.asset, it.seq);
        let of_asset = |it: &AssetChange| (it.asset, it.seq);
        let of_block = |it: &Block| (it.asset, it.n);
        let mut entries = self.ends(queries::transfers_by_log(), transfers, of_transfer).await?;
        entries.extend(self.ends(queries::account_changes_by_log(), accounts, of_account).await?);
        entries.extend(self.ends(queries::asset_changes_by_log(), assets, of_asset).await?);
        let blocks = self.ends(queries::every_block(), blocks, of_block).await?;
        Ok(Ends { entries, blocks })
    }

    /// Goes from the first row of an asset to its last, and on to the next asset.
    async fn ends<R: Stored>(
        &self,
        all: Select<R>,
        of_asset: impl Fn(AssetCode) -> Select<R>,
        number: impl Fn(&R) -> (AssetCode, i64),
    ) -> Result<Vec<End>, StoreError> {
        let name = all.query().name;
        let (mut ends, mut after) = (Vec::new(), None);
        loop {
            let next = all.clone().limit(1).after(after.as_deref()).expect("it is its own cursor");
            let Some(row) = self.select(&next).await?.rows.pop() else { return Ok(ends) };
            let (asset, first) = number(&row);
            let last = self.select(&of_asset(asset).descending().limit(1)).await?.rows.pop();
            let last = last.map_or(first, |row| number(&row).1);
            ends.push(End { asset, first, last });
            after = Some(Cursor(vec![asset.encode(), Value::Int(i64::MAX)]).render(name));
        }
    }
}

impl Ends {
    /// All that was there before the assets were read is in their logs.
    pub(super) fn check(&self, assets: &[Asset], findings: &mut Findings) {
        let of = |end: &End| assets.iter().find(|it| it.code == end.asset);
        for end in &self.entries {
            let place = |seq| Place::Log { asset: end.asset, seq };
            let Some(asset) = of(end) else {
                findings.add(Place::Asset(end.asset), "it is missing, and has a log");
                continue;
            };
            findings.unless(end.first >= 0, place(end.first), "it is before the log begins");
            findings.unless(end.last < asset.size, place(end.last), "it is after the log's end");
        }
        for end in &self.blocks {
            let place = |n| Place::Block { asset: end.asset, n };
            let Some(asset) = of(end) else {
                findings.add(Place::Asset(end.asset), "it is missing, and has blocks");
                continue;
            };
            let whole = if asset.sealed { asset.size / BLOCK_LEAVES } else { 0 };
            findings.unless(end.first >= 0, place(end.first), "it is before the log begins");
            findings.unless(end.last < whole, place(end.last), "the log has no such block");
        }
    }
}
