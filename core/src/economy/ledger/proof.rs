use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::log::LOG_PAGE;
use super::seal::{BLOCK_LEAVES, Frontier, Sealed as _, node};
use super::{AssetCode, Reads, Refusal, Transfer, TransferId, queries};
use crate::engine::Error;
use crate::record::Digest;
use crate::storage::{PAGE_MAX, StoreError};

/// That an entry is in the log of an asset: the path from its leaf to the root of the tree over the
/// log (RFC 6962 §2.1.1). Whoever has kept the root, and of how many entries it was, needs nothing
/// else to be sure of it: the root alone does not tell how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The asset.
    pub asset: AssetCode,
    /// The entry's number in its log.
    pub seq: i64,
    /// How many entries the tree has.
    pub size: i64,
    /// The entry's leaf.
    pub leaf: Digest,
    /// The roots of the subtrees beside the path, from the leaf upwards.
    pub path: Vec<Digest>,
    /// The root of the tree.
    pub head: Digest,
}

impl Proof {
    /// Whether the path leads from the leaf to the root (RFC 9162 §2.1.3.2). That `head` and `size` are
    /// those that were kept is for whoever kept them to see.
    pub fn holds(&self) -> bool {
        if self.seq < 0 || self.seq >= self.size {
            return false;
        }
        let (mut at, mut last, mut root) = (self.seq, self.size - 1, self.leaf);
        for beside in &self.path {
            if last == 0 {
                return false;
            }
            if at & 1 == 1 || at == last {
                root = node(&beside.0, &root.0);
                while at & 1 == 0 && at != 0 {
                    (at, last) = (at >> 1, last >> 1);
                }
            } else {
                root = node(&root.0, &beside.0);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        last == 0 && root == self.head
    }

    /// Whether the leaf is that of this transfer.
    pub fn is_of(&self, transfer: &Transfer) -> bool {
        (transfer.asset, transfer.seq, transfer.leaf()) == (self.asset, self.seq, self.leaf)
    }
}

impl Reads<'_> {
    /// The proof that a transfer is in the log of its asset as that is now.
    ///
    /// Costs the reading of two blocks, and of the roots of all others.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such transfer, or its asset's log is not sealed.
    pub async fn prove(&self, transfer: TransferId) -> Result<Proof, Error<Refusal>> {
        let not_found = || Error::Refused(Refusal::NotFound);
        let row = self.parlor.select(&queries::transfer(transfer)).await?.rows.pop();
        let row = row.ok_or_else(not_found)?;
        let asset = self.asset_row(row.asset).await?;
        let asset = asset.filter(|asset| asset.sealed).ok_or_else(not_found)?;
        let tree = Tree::load(self, row.asset, row.seq, asset.size).await?;
        let mut path = Vec::new();
        tree.path(row.seq, 0, asset.size, &mut path);
        let (seq, size) = (row.seq, asset.size);
        Ok(Proof { asset: row.asset, seq, size, leaf: row.leaf(), path, head: asset.head() })
    }

    /// The root of the tree over an asset's log as it was when the log had so many entries, reckoned
    /// from what is there now. If it is not the one that was kept elsewhere, with its size, the log is
    /// not the same any more.
    ///
    /// Whole blocks are taken at their word: that they are of their entries is for
    /// [`verify`](Self::verify) to see. Costs the reading of a block, and of the roots of all others.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such asset, its log is not sealed, or is not that long.
    pub async fn head_at(&self, asset: AssetCode, size: i64) -> Result<Digest, Error<Refusal>> {
        let row = self.asset_row(asset).await?.filter(|asset| asset.sealed);
        let is_long_enough = row.is_some_and(|asset| (0..=asset.size).contains(&size));
        if !is_long_enough {
            return Err(Error::Refused(Refusal::NotFound));
        }
        let tree = Tree::load(self, asset, size, size).await?;
        Ok(if size == 0 { Frontier::default().root() } else { tree.root(0, size) })
    }
}

/// What of a tree the path to one leaf goes past.
struct Tree {
    leaves: BTreeMap<i64, Digest>,
    blocks: BTreeMap<i64, Digest>,
}

impl Tree {
    async fn load(
        reads: &Reads<'_>,
        asset: AssetCode,
        seq: i64,
        size: i64,
    ) -> Result<Self, StoreError> {
        let mut tree = Self { leaves: BTreeMap::new(), blocks: BTreeMap::new() };
        let whole = size / BLOCK_LEAVES;
        let mut n = 0;
        while n < whole {
            let last = whole.min(n + i64::from(PAGE_MAX)) - 1;
            let blocks = reads.blocks(asset, n, last).await?;
            tree.blocks.extend(blocks.into_iter().map(|block| (block.n, block.root)));
            n = last + 1;
        }
        let own = seq / BLOCK_LEAVES;
        if own < whole {
            let start = own * BLOCK_LEAVES;
            tree.load_leaves(reads, asset, start, start + BLOCK_LEAVES).await?;
        }
        tree.load_leaves(reads, asset, whole * BLOCK_LEAVES, size).await?;
        Ok(tree)
    }

    async fn load_leaves(
        &mut self,
        reads: &Reads<'_>,
        asset: AssetCode,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        let mut next = from;
        while next < to {
            let entries = reads.parlor.log_page(asset, next, to).await?;
            self.leaves.extend(entries.iter().map(|entry| (entry.seq(), entry.leaf())));
            next += LOG_PAGE;
        }
        Ok(())
    }

    /// `PATH(seq, D[start..start + size])` of RFC 6962 §2.1.1.
    fn path(&self, seq: i64, start: i64, size: i64, path: &mut Vec<Digest>) {
        if size <= 1 {
            return;
        }
        let left = split(size);
        if seq < start + left {
            self.path(seq, start, left, path);
            path.push(self.root(start + left, size - left));
        } else {
            self.path(seq, start + left, size - left, path);
            path.push(self.root(start, left));
        }
    }

    /// `MTH(D[start..start + size])` of RFC 6962 §2.1. What is missing counts as zeros, so that the
    /// proof does not hold.
    fn root(&self, start: i64, size: i64) -> Digest {
        if size == BLOCK_LEAVES && start % BLOCK_LEAVES == 0 {
            return self.blocks.get(&(start / BLOCK_LEAVES)).copied().unwrap_or(Digest([0; 32]));
        }
        if size <= 1 {
            return self.leaves.get(&start).copied().unwrap_or(Digest([0; 32]));
        }
        let left = split(size);
        node(&self.root(start, left).0, &self.root(start + left, size - left).0)
    }
}

/// The largest power of two below `size`, which is 2 at least.
fn split(size: i64) -> i64 {
    1 << (63 - (size - 1).leading_zeros())
}
