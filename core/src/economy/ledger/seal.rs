//! The tree over a log (RFC 6962 §2.1): leaves, the frontier that an asset keeps, blocks.

use sha2::{Digest as _, Sha256};

use super::canonical::Canonical;
use super::{AccountChange, Asset, AssetChange, Block, Transfer};
use crate::record::{Digest, Timestamp};

/// Entries of a log that make one [`Block`]: 2^10.
pub const BLOCK_LEAVES: i64 = 1 << BLOCK_LEVEL;
const BLOCK_LEVEL: u32 = 10;
const HASH: usize = 32;

/// An entry of a log, as it is sealed.
pub(super) trait Sealed {
    /// What is hashed: all that matters, in a fixed order.
    fn canonical(&self) -> Canonical;

    /// When it was added.
    fn at(&self) -> Timestamp;

    /// The leaf.
    fn leaf(&self) -> Digest {
        self.canonical().leaf()
    }
}

impl Sealed for Transfer {
    fn canonical(&self) -> Canonical {
        let mut to = Canonical::new(b"transfr1");
        to.fixed(self.asset.bytes()).int(self.seq).time(self.at).time(self.effective_at);
        to.id(self.transaction_id.0).byte(self.leg).byte(self.legs);
        to.fixed(self.kind.bytes()).text(self.phase.word());
        to.id(self.debit_account.0).id(self.credit_account.0).int(self.amount);
        to.option(self.about, |to, it| to.id(it.0)).option(self.about_leg, Canonical::byte);
        to.option(self.expires_at, Canonical::time);
        to.option(self.user_id, |to, it| to.id(it.0));
        to.option(self.reference.as_deref(), Canonical::text);
        to.option(self.metadata.as_deref(), Canonical::text);
        to.option(self.memo, |to, it| to.fixed(&it.0)).fixed(&self.fingerprint.0);
        to
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Sealed for AccountChange {
    fn canonical(&self) -> Canonical {
        let mut to = Canonical::new(b"account1");
        to.fixed(self.asset.bytes()).int(self.seq).time(self.at);
        to.id(self.account_id.0).int(self.n).text(self.kind.word());
        to.option(self.owner, |to, it| to.id(it.0));
        to.bool(self.has_floor).int(self.credit_limit).option(self.ceiling, Canonical::int);
        to.bool(self.frozen_in).bool(self.frozen_out).bool(self.closed);
        to.option(self.velocity.as_deref(), Canonical::text);
        to.option(self.user_id, |to, it| to.id(it.0));
        to
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

impl Sealed for AssetChange {
    fn canonical(&self) -> Canonical {
        let mut to = Canonical::new(b"asset__1");
        to.fixed(self.asset.bytes()).int(self.seq).time(self.at).int(self.n);
        to.byte(self.scale).bool(self.transferable).bool(self.sealed);
        to.option(self.supply_cap, Canonical::int).option(self.closed_until, Canonical::time);
        to.option(self.user_id, |to, it| to.id(it.0));
        to
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

/// The parent of two nodes.
pub(super) fn node(left: &[u8], right: &[u8]) -> Digest {
    let hash = Sha256::new().chain_update([1]).chain_update(left).chain_update(right);
    Digest(hash.finalize().into())
}

/// The roots of the perfect subtrees that cover `size` leaves, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    pub(super) size: i64,
    pub(super) roots: Vec<u8>,
}

impl Frontier {
    /// Adds a leaf. Gives the root of the block that it completes, if it does.
    pub(super) fn push(&mut self, leaf: Digest) -> Option<Digest> {
        let (mut root, mut level, mut block) = (leaf, 0, None);
        while self.size >> level & 1 == 1 {
            let left = self.roots.split_off(self.roots.len() - HASH);
            root = node(&left, &root.0);
            level += 1;
            if level == BLOCK_LEVEL {
                block = Some(root);
            }
        }
        self.roots.extend_from_slice(&root.0);
        self.size += 1;
        block
    }

    /// Adds a whole block; only blocks have been added before.
    pub(super) fn push_block(&mut self, root: Digest) {
        let (mut root, mut level) = (root, BLOCK_LEVEL);
        while self.size >> level & 1 == 1 {
            let left = self.roots.split_off(self.roots.len() - HASH);
            root = node(&left, &root.0);
            level += 1;
        }
        self.roots.extend_from_slice(&root.0);
        self.size += BLOCK_LEAVES;
    }

    /// As it was before the first leaf of the block that is being filled.
    pub(super) fn before_block(&self) -> Self {
        let blocks = self.size >> BLOCK_LEVEL;
        let roots = self.roots[..HASH * blocks.count_ones() as usize].to_vec();
        Self { size: blocks << BLOCK_LEVEL, roots }
    }

    /// The root of the tree: the hash of nothing while there are no leaves.
    pub(super) fn root(&self) -> Digest {
        let mut roots = self.roots.rchunks_exact(HASH);
        let Some(last) = roots.next() else { return Digest(Sha256::digest([]).into()) };
        let last = Digest(last.try_into().expect("chunks are as long as a hash"));
        roots.fold(last, |right, left| node(left, &right.0))
    }
}

impl Asset {
    /// The root of the tree over its log: what to keep elsewhere, to know later that nothing before
    /// was changed. It stays the same while nothing is added.
    pub fn head(&self) -> Digest {
        self.frontier().root()
    }

    pub(super) fn frontier(&self) -> Frontier {
        Frontier { size: self.size, roots: self.frontier.clone() }
    }

    /// Takes an entry into the log. Gives the block that it completes, if it does.
    pub(super) fn append(&mut self, entry: &impl Sealed) -> Option<Block> {
        if !self.sealed {
            self.size += 1;
            return None;
        }
        let n = self.size >> BLOCK_LEVEL;
        let mut frontier = Frontier { size: self.size, roots: std::mem::take(&mut self.frontier) };
        let is_last = frontier.size % BLOCK_LEAVES == BLOCK_LEAVES - 1;
        let previous = is_last.then(|| frontier.before_block());
        let root = frontier.push(entry.leaf());
        let block = root.zip(previous).map(|(root, previous)| Block {
            asset: self.code,
            n,
            root,
            head: frontier.root(),
            previous: previous.root(),
            // A transaction may go on in the next block: the asset is further than this entry.
            at: entry.at(),
        });
        (self.size, self.frontier) = (frontier.size, frontier.roots);
        block
    }
}
