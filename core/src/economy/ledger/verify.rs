use serde::Serialize;

use super::finding::{Findings, Place};
use super::log::{LOG_PAGE, LogEntry};
use super::seal::{BLOCK_LEAVES, Frontier};
use super::{Asset, AssetCode, Block, Reads, Refusal, queries};
use crate::engine::Error;
use crate::record::{Digest, Timestamp};
use crate::storage::{PAGE_MAX, StoreError};

/// What [`Reads::verify`] found of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The asset.
    pub asset: AssetCode,
    /// The first entry that was looked at: where a block begins.
    pub from: i64,
    /// The first one that was not.
    pub to: i64,
    /// How many entries the log has.
    pub size: i64,
    /// The root of the tree over it, if it is sealed.
    pub head: Option<Digest>,
    /// What is wrong; nothing, if all is as it was sealed.
    pub findings: Findings,
}

impl Reads<'_> {
    /// Looks whether a part of an asset's log is as it was sealed: that its entries are there, once
    /// each and in order of time; that the tree over them has the roots that its blocks have, which
    /// are chained; and, at its end, the root that the asset has.
    ///
    /// It looks at whole blocks, and at one at least: `from` is taken back to where one begins, and
    /// `to` on to where one ends, or the log. What was sealed before is taken from the blocks.
    /// `progress` is told after each page how many entries were looked at, and how many there are.
    ///
    /// # Errors
    /// [`Refusal::AssetNotFound`]
    pub async fn verify(
        &self,
        asset: AssetCode,
        from: i64,
        to: i64,
        mut progress: impl FnMut(i64, i64),
    ) -> Result<Verified, Error<Refusal>> {
        let Some(row) = self.asset_row(asset).await? else {
            return Err(Error::Refused(Refusal::AssetNotFound { leg: 0 }));
        };
        let mut check = LogCheck::new(&row);
        let end = check.ends_at(&row, self.parlor.log_end(asset).await?);
        let from = from.clamp(0, (end - 1).max(0)) / BLOCK_LEAVES * BLOCK_LEAVES;
        let to = to.clamp((from + 1).min(end), end);
        let to = end.min((to + BLOCK_LEAVES - 1) / BLOCK_LEAVES * BLOCK_LEAVES);
        if row.sealed {
            check.frontier = self.sealed_before(asset, from, &mut check.findings).await?;
        }
        check.next = from;
        while check.next < to {
            let start = check.next;
            let entries = self.parlor.log_page(asset, start, to).await?;
            let next = to.min(start + LOG_PAGE);
            let blocks = self.blocks(asset, start / BLOCK_LEAVES, next / BLOCK_LEAVES).await?;
            check.page(&entries, &blocks, next);
            progress(next - from, to - from);
        }
        if to == end {
            check.end(&row);
        }
        let head = row.sealed.then(|| row.head());
        Ok(Verified { asset, from, to, size: row.size, head, findings: check.findings })
    }

    /// The frontier of the blocks before an entry, where one begins.
    async fn sealed_before(
        &self,
        asset: AssetCode,
        from: i64,
        findings: &mut Findings,
    ) -> Result<Frontier, StoreError> {
        let mut frontier = Frontier::default();
        while frontier.size < from {
            let n = frontier.size / BLOCK_LEAVES;
            let last = (from / BLOCK_LEAVES).min(n + i64::from(PAGE_MAX)) - 1;
            let blocks = self.blocks(asset, n, last).await?;
            for n in n..=last {
                let Some(block) = blocks.iter().find(|block| block.n == n) else {
                    findings.add(Place::Block { asset, n }, "it is missing");
                    return Ok(frontier);
                };
                let place = Place::Block { asset, n };
                findings.same(place, "the head before", &block.previous, &frontier.root());
                frontier.push_block(block.root);
                findings.same(place, "the head", &block.head, &frontier.root());
            }
        }
        Ok(frontier)
    }

    /// Blocks of a log, from one to another.
    pub(super) async fn blocks(
        &self,
        asset: AssetCode,
        first: i64,
        last: i64,
    ) -> Result<Vec<Block>, StoreError> {
        Ok(self.parlor.select(&queries::blocks(asset, first, last)).await?.rows)
    }

    pub(super) async fn asset_row(&self, asset: AssetCode) -> Result<Option<Asset>, StoreError> {
        Ok(self.parlor.select(&queries::asset(asset)).await?.rows.pop())
    }
}

/// A log as it is gone through, entry by entry.
pub(super) struct LogCheck {
    asset: AssetCode,
    sealed: bool,
    frontier: Frontier,
    at: Timestamp,
    pub(super) next: i64,
    pub(super) findings: Findings,
}

impl LogCheck {
    pub(super) fn new(asset: &Asset) -> Self {
        Self {
            asset: asset.code,
            sealed: asset.sealed,
            frontier: Frontier::default(),
            at: Timestamp(i64::MIN),
            next: 0,
            findings: Findings::default(),
        }
    }

    /// Where to end, which is before the end of the log if its last entries are not there.
    pub(super) fn ends_at(&mut self, asset: &Asset, rows_end: i64) -> i64 {
        if rows_end < asset.size {
            let place = Place::Log { asset: asset.code, seq: rows_end };
            self.findings.add(place, "it is missing, and so is all that came after it");
            let place = Place::Asset(asset.code);
            self.findings.same(place, "the size of its log", &asset.size, &rows_end);
        }
        asset.size.min(rows_end).max(0)
    }

    /// Goes through the entries up to `end`, which are all that are there, with the blocks that end
    /// among them.
    pub(super) fn page(&mut self, entries: &[LogEntry], blocks: &[Block], end: i64) {
        let mut entries = entries.iter().peekable();
        while self.next < end {
            let place = Place::Log { asset: self.asset, seq: self.next };
            match entries.next_if(|entry| entry.seq() == self.next) {
                Some(entry) => self.entry(place, entry, blocks),
                None => {
                    self.findings.add(place, "it is missing");
                    self.seal(Digest([0; 32]), self.at, blocks);
                }
            }
            while entries.next_if(|entry| entry.seq() == self.next).is_some() {
                self.findings.add(place, "it is there more than once");
            }
            self.next += 1;
        }
    }

    fn entry(&mut self, place: Place, entry: &LogEntry, blocks: &[Block]) {
        let is_later = entry.at() > self.at;
        self.findings.unless(is_later, place, "it is not later than the one before");
        self.at = entry.at();
        self.seal(entry.leaf(), entry.at(), blocks);
    }

    fn seal(&mut self, leaf: Digest, at: Timestamp, blocks: &[Block]) {
        if !self.sealed {
            return;
        }
        let previous = self.frontier.before_block();
        let Some(root) = self.frontier.push(leaf) else { return };
        let n = self.next / BLOCK_LEAVES;
        let place = Place::Block { asset: self.asset, n };
        match blocks.iter().find(|block| block.n == n) {
            None => self.findings.add(place, "it is missing"),
            Some(block) => {
                self.findings.same(place, "the root", &block.root, &root);
                self.findings.same(place, "the head", &block.head, &self.frontier.root());
                self.findings.same(place, "the head before", &block.previous, &previous.root());
                self.findings.same(place, "its time", &block.at, &at);
            }
        }
    }

    /// What the log came to, beside what the asset says.
    pub(super) fn end(&mut self, asset: &Asset) {
        let place = Place::Asset(self.asset);
        self.findings.same(place, "the time of its last entry", &asset.at, &self.at);
        if self.sealed {
            let roots = &self.frontier.roots;
            self.findings.unless(
                asset.frontier == *roots,
                place,
                "its tree is not that of its log: an entry, or the tree, was changed",
            );
        }
    }
}
