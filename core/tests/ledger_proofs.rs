//! Proofs that an entry is in a log, and looks at parts of a log, beside the plainest tree there is:
//! RFC 6962 §2.1 as it is written.
#![cfg(feature = "conformance")]
#![cfg_attr(
    feature = "conformance",
    expect(clippy::unwrap_used, reason = "what cannot fail fails the test if it does")
)]

use std::collections::BTreeMap;

use parlor_core::Uuid;
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{
    AccountChange, AccountId, AccountKind, AssetChange, AssetCode, Kind, LEGS_MAX, Leg, LogEntry,
    OpenAccount, OpenAsset, Post, Proof, Refusal, Stage, Transaction, TransactionId, Transfer,
    TransferId, Verified,
};
use parlor_core::engine::{Command, Error};
use parlor_core::events::Actor;
use parlor_core::record::Digest;
use parlor_core::storage::MemoryStore;
use sha2::{Digest as _, Sha256};

const COIN: AssetCode = AssetCode::of("COIN");
/// Not sealed.
const GEM: AssetCode = AssetCode::of("GEM");
/// The entries of each log before its first transfer: the asset and two accounts are opened.
const OPENINGS: i64 = 3;

/// A log that grows, and where its transfers are.
struct Log {
    world: World<MemoryStore>,
    asset: AssetCode,
    transfers: BTreeMap<i64, TransferId>,
    accounts: [AccountId; 2],
}

impl Log {
    fn open(asset: AssetCode) -> Self {
        let world = World::new(MemoryStore::new());
        let accounts = [1, 2].map(|n| AccountId(Uuid::from_u128(n)));
        let log = Self { world, asset, transfers: BTreeMap::new(), accounts };
        log.done(OpenAsset { sealed: asset == COIN, ..OpenAsset::new(asset, 0) });
        for (id, kind) in accounts.into_iter().zip([AccountKind::Issuance, AccountKind::Fees]) {
            log.done(OpenAccount { id: Some(id), ..OpenAccount::platform(asset, kind) });
        }
        log
    }

    fn done<C: Command>(&self, command: C) -> C::Output {
        let done = block_on(self.world.parlor.execute(Actor::HOST, command));
        done.unwrap_or_else(|error| panic!("{error}"))
    }

    fn size(&self) -> i64 {
        OPENINGS + self.transfers.len() as i64
    }

    /// Posts transfers until there are so many entries.
    fn grow(&mut self, size: i64) {
        let [from, to] = self.accounts;
        while self.size() < size {
            let legs = (size - self.size()).min(LEGS_MAX as i64);
            let id = TransactionId(Uuid::from_u128(1 << 64 | self.size() as u128));
            let mut many = Transaction::new(id, Kind::of("issue"));
            many.legs = (1..=legs).map(|n| Leg::transfer(self.asset, from, to, n)).collect();
            let receipt = self.done(Post(many)).receipt();
            for leg in 0..receipt.legs {
                self.transfers
                    .insert(receipt.seq + i64::from(leg), TransferId { transaction: id, leg });
            }
        }
        assert_eq!(self.size(), size);
    }

    fn prove(&self, seq: i64) -> Proof {
        block_on(self.world.parlor.ledger().prove(self.transfers[&seq])).unwrap()
    }

    /// The log as it is there, whatever anybody says of it.
    fn entries(&self) -> Vec<LogEntry> {
        let world = &self.world;
        let transfers = world.rows::<Transfer>().into_iter().map(Box::new).map(LogEntry::Transfer);
        let accounts = world.rows::<AccountChange>().into_iter().map(Box::new);
        let assets = world.rows::<AssetChange>().into_iter().map(Box::new);
        let accounts = accounts.map(LogEntry::Account);
        let mut all: Vec<_> =
            transfers.chain(accounts).chain(assets.map(LogEntry::Asset)).collect();
        all.sort_by_key(LogEntry::seq);
        all
    }

    /// What is said of a part of the log, and that the progress told of it goes up to the end.
    fn verify(&self, from: i64, to: i64) -> Verified {
        let mut told = vec![0];
        let tell = |done, total| {
            assert!(told.last() < Some(&done) && done <= total, "{done} of {total} after {told:?}");
            told.push(done);
        };
        let ledger = self.world.parlor.ledger();
        let verified = block_on(ledger.verify(self.asset, from, to, tell)).unwrap();
        assert_eq!(told.last(), Some(&(verified.to - verified.from)), "{from}..{to}");
        verified
    }
}

/// The tree of RFC 6962 §2.1. What was reckoned once is kept.
struct Tree {
    leaves: Vec<Digest>,
    roots: BTreeMap<(usize, usize), Digest>,
}

impl Tree {
    fn new(leaves: Vec<Digest>) -> Self {
        Self { leaves, roots: BTreeMap::new() }
    }

    fn mth(&mut self, from: usize, to: usize) -> Digest {
        if let Some(root) = self.roots.get(&(from, to)) {
            return *root;
        }
        let root = match to - from {
            0 => Digest(Sha256::digest([]).into()),
            1 => self.leaves[from],
            n => {
                let k = largest_power_below(n);
                let (left, right) = (self.mth(from, from + k), self.mth(from + k, to));
                let hash = Sha256::new().chain_update([1]).chain_update(left.0);
                Digest(hash.chain_update(right.0).finalize().into())
            }
        };
        self.roots.insert((from, to), root);
        root
    }

    fn path(&mut self, m: usize, from: usize, to: usize) -> Vec<Digest> {
        let n = to - from;
        if n == 1 {
            return vec![];
        }
        let k = largest_power_below(n);
        let (mut path, beside) = match m < k {
            true => (self.path(m, from, from + k), self.mth(from + k, to)),
            false => (self.path(m - k, from + k, to), self.mth(from, from + k)),
        };
        path.push(beside);
        path
    }
}

fn largest_power_below(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// On which side of the path each node beside it is, from the leaf upwards.
fn sides(m: usize, n: usize) -> Vec<bool> {
    if n == 1 {
        return vec![];
    }
    let k = largest_power_below(n);
    let mut sides = if m < k { sides(m, k) } else { sides(m - k, n - k) };
    sides.push(m < k);
    sides
}

fn sizes() -> impl Iterator<Item = i64> {
    let blocks = (1_023..=1_026).chain(2_047..=2_050);
    (OPENINGS + 1..=40).chain([63, 64, 65, 127, 128, 129]).chain(blocks).chain([3_000])
}

/// The first transfer, the last, and those at the edges of subtrees.
fn seqs(size: i64) -> impl Iterator<Item = i64> {
    let all: &[i64] = match size {
        ..1_000 => &[3, 4, 7, 8, 31, 32, 63, 64],
        _ => &[500, 1_023, 1_024, 2_047, 2_048],
    };
    let all = all.iter().copied().filter(move |seq| (OPENINGS..size - 1).contains(seq));
    all.chain([size - 1])
}

#[test]
fn a_proof_is_the_path_of_the_plainest_tree() {
    let mut log = Log::open(COIN);
    let mut proofs = Vec::new();
    for size in sizes() {
        log.grow(size);
        proofs.extend(seqs(size).map(|seq| log.prove(seq)));
    }
    let entries = log.entries();
    let mut tree = Tree::new(entries.iter().map(LogEntry::leaf).collect());
    for proof in &proofs {
        let (seq, size) = (proof.seq as usize, proof.size as usize);
        assert!(proof.holds(), "{proof:?}");
        assert_eq!(proof.leaf, tree.leaves[seq]);
        assert_eq!(proof.head, tree.mth(0, size), "{size}");
        assert_eq!(proof.path, tree.path(seq, 0, size), "{seq} of {size}");
        let LogEntry::Transfer(transfer) = &entries[seq] else { panic!("{seq}") };
        assert!(proof.is_of(transfer));
        assert!(!proof.is_of(&Transfer { amount: transfer.amount + 1, ..(**transfer).clone() }));
    }
    assert!(proofs.len() > 200, "{}", proofs.len());
}

#[test]
fn a_proof_with_any_bit_changed_does_not_hold() {
    let mut log = Log::open(COIN);
    for (size, seq) in [(4, 3), (37, 20), (37, 36), (1_027, 1_025), (1_027, 3)] {
        log.grow(size);
        let proof = log.prove(seq);
        let digests = proof.path.len() + 2;
        for bit in 0..digests * 256 {
            let mut other = proof.clone();
            let digest = match bit / 256 {
                0 => &mut other.leaf,
                1 => &mut other.head,
                n => &mut other.path[n - 2],
            };
            digest.0[bit % 256 / 8] ^= 1 << (bit % 8);
            assert!(!other.holds(), "bit {bit} of {proof:?}");
        }
        let with = |change: &dyn Fn(&mut Proof)| {
            let mut other = proof.clone();
            change(&mut other);
            other.holds()
        };
        assert!(!with(&|it| it.path.truncate(it.path.len() - 1)));
        assert!(!with(&|it| it.path.push(it.head)));
        assert!(!with(&|it| it.path.reverse()));
        for other in (-1..size + 2).chain([i64::MIN, i64::MAX]).filter(|it| *it != seq) {
            assert!(!with(&|it| it.seq = other), "{other} for {seq} of {size}");
        }
        assert!(!with(&|it| it.size = i64::MIN) && !with(&|it| it.size = 0));
        // The head alone does not tell the size: trees of other sizes in which the path turns alike
        // would fit it. Whoever keeps a head keeps its size.
        let turns = sides(seq as usize, size as usize);
        for other in (seq + 1..seq + 200).chain([1 << 40, i64::MAX]) {
            let is_alike = sides(seq as usize, other as usize) == turns;
            assert_eq!(with(&|it| it.size = other), is_alike, "{other} for {size}");
        }
    }
}

#[test]
fn a_proof_is_of_the_log_as_it_was() {
    let mut log = Log::open(COIN);
    let mut earlier: Vec<Proof> = Vec::new();
    for size in [4, 5, 8, 9, 1_023, 1_024, 1_025, 2_048] {
        log.grow(size);
        let proof = log.prove(OPENINGS);
        for old in &earlier {
            assert!(old.holds());
            assert!(!Proof { head: proof.head, ..old.clone() }.holds());
            assert!(!Proof { head: proof.head, size, ..old.clone() }.holds());
            assert!(!Proof { head: old.head, size: old.size, ..proof.clone() }.holds());
        }
        earlier.push(proof);
    }
}

#[test]
fn a_head_that_was_kept_is_that_of_the_log_at_its_size() {
    let (mut log, mut kept) = (Log::open(COIN), Vec::new());
    let head_at = |log: &Log, size| block_on(log.world.parlor.ledger().head_at(COIN, size));
    for size in [3, 4, 5, 8, 100, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3_072, 3_100] {
        log.grow(size);
        kept.push((size, log.verify(0, 0).head.unwrap()));
        for (size, head) in &kept {
            assert_eq!(head_at(&log, *size).unwrap(), *head, "{size} of {}", log.size());
        }
    }
    let mut plain = Tree::new(log.entries().iter().map(LogEntry::leaf).collect());
    for size in [0, 1, 2, 1_500, 3_000] {
        assert_eq!(head_at(&log, size).unwrap(), plain.mth(0, size as usize));
    }
    for size in [-1, i64::MIN, 3_101, i64::MAX] {
        assert!(matches!(head_at(&log, size), Err(Error::Refused(Refusal::NotFound))), "{size}");
    }
    let gem = block_on(Log::open(GEM).world.parlor.ledger().head_at(GEM, 1));
    assert!(matches!(gem, Err(Error::Refused(Refusal::NotFound))), "{gem:?}");
}

#[test]
fn what_is_not_in_a_tree_is_not_proved() {
    let mut log = Log::open(GEM);
    log.grow(10);
    let nobodys = TransferId { transaction: TransactionId(Uuid::from_u128(99)), leg: 0 };
    for id in [log.transfers[&5], nobodys] {
        let proof = block_on(log.world.parlor.ledger().prove(id));
        assert!(matches!(proof, Err(Error::Refused(Refusal::NotFound))), "{proof:?}");
    }
}

#[test]
fn parts_of_a_log_are_looked_at_by_whole_blocks() {
    for asset in [COIN, GEM] {
        let mut log = Log::open(asset);
        for size in [3, 10, 1_024, 1_025, 2_048, 3_000] {
            log.grow(size);
            for (from, to) in [
                (0, size),
                (0, 0),
                (5, 7),
                (7, 5),
                (0, 1_024),
                (1_000, 1_030),
                (1_024, 2_048),
                (2_047, 2_049),
                (2_048, 2_900),
                (size - 1, size),
                (size, size),
                (size + 5, size + 9),
                (i64::MIN, i64::MAX),
                (i64::MAX, i64::MIN),
            ] {
                let verified = log.verify(from, to);
                let start = from.clamp(0, size - 1) / 1_024 * 1_024;
                let end = (to.clamp(start + 1, size) + 1_023) / 1_024 * 1_024;
                let end = end.min(size);
                assert_eq!((verified.from, verified.to, verified.size), (start, end, size));
                assert_eq!(verified.findings.first, [], "{from}..{to} of {size}");
                assert_eq!(verified.head.is_some(), asset == COIN);
            }
        }
        let ledger = log.world.parlor.ledger();
        let unknown = block_on(ledger.verify(AssetCode::of("NONE"), 0, 9, |_, _| {}));
        assert!(matches!(unknown, Err(Error::Refused(Refusal::AssetNotFound { .. }))));
    }
}

#[test]
fn an_audit_says_how_far_it_is() {
    let mut log = Log::open(COIN);
    log.grow(1_300);
    let mut told = Vec::new();
    let audit = block_on(log.world.parlor.audit(|it| told.push(it))).unwrap();
    assert_eq!(audit.findings.first, []);
    assert_eq!((audit.transfers, audit.accounts, audit.entries), (1_297, 2, 2_594));
    assert_eq!((audit.heads.len(), audit.heads[0].size), (1, 1_300));
    assert!(told.windows(2).all(|it| (it[0].stage, it[0].done) <= (it[1].stage, it[1].done)));
    for (stage, total) in [(Stage::Sums, 2), (Stage::Logs, 1_300), (Stage::Entries, 2_594)] {
        let last = told.iter().rfind(|it| it.stage == stage).unwrap();
        assert_eq!((last.done, last.total), (total, total), "{stage:?}");
    }
    assert_eq!(told.last().map(|it| it.stage), Some(Stage::Rest));
}
