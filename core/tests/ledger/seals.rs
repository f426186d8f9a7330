//! The encoding that is hashed, written down a second time, and the tree over it (RFC 6962 §2.1):
//! neither may ever change by accident.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::invariants::Logged;
use parlor_core::economy::ledger::{
    AccountChange, AssetChange, BLOCK_LEAVES, ClosePeriod, Refund, Transfer, VelocityRule,
};

type Hash = [u8; 32];

/// Leaves that have been reckoned already: rows are not changed, as is looked at elsewhere.
#[derive(Default)]
pub(crate) struct Sealed {
    leaves: BTreeMap<(AssetCode, i64), Hash>,
}

impl Sealed {
    /// I10: heads, frontiers and blocks are those of the rows.
    #[track_caller]
    pub(crate) fn check(&mut self, books: &Books) {
        let log = books.log();
        for it in &log {
            self.leaves.entry(it.place()).or_insert_with(|| leaf(it));
        }
        for asset in books.assets.values() {
            let leaves: Vec<Hash> = self
                .leaves
                .iter()
                .filter(|(place, _)| place.0 == asset.code)
                .map(|it| *it.1)
                .collect();
            let blocks: Vec<_> = books.blocks.iter().filter(|it| it.asset == asset.code).collect();
            if !asset.sealed {
                assert!(asset.frontier.is_empty() && blocks.is_empty());
                continue;
            }
            assert_eq!(leaves.len() as i64, asset.size);
            assert_eq!(asset.head().0, root(&leaves), "the head of {}", asset.code);
            assert_eq!(asset.frontier, frontier(&leaves));
            let size = BLOCK_LEAVES as usize;
            assert_eq!(blocks.len(), leaves.len() / size);
            for (n, block) in blocks.iter().enumerate() {
                let (begin, end) = (n * size, (n + 1) * size);
                assert_eq!(block.n, n as i64);
                assert_eq!(block.root.0, root(&leaves[begin..end]));
                assert_eq!(block.head.0, root(&leaves[..end]));
                assert_eq!(block.previous.0, root(&leaves[..begin]));
                let last = (asset.code, end as i64 - 1);
                let last = log.binary_search_by_key(&last, Logged::place).unwrap();
                assert_eq!(block.at, log[last].at(), "the time of its last entry");
            }
        }
    }
}

/// The root over leaves, by the definition.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(below(leaves.len()));
            let hash = Sha256::new().chain_update([1]).chain_update(root(left));
            hash.chain_update(root(right)).finalize().into()
        }
    }
}

/// The largest power of two below `n`.
fn below(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// The roots of the perfect trees that cover the leaves, the largest first.
fn frontier(mut leaves: &[Hash]) -> Vec<u8> {
    let mut roots = Vec::new();
    while !leaves.is_empty() {
        let size = 1 << leaves.len().ilog2();
        roots.extend(root(&leaves[..size]));
        leaves = &leaves[size..];
    }
    roots
}

fn leaf(it: &Logged<'_>) -> Hash {
    let bytes = match it {
        Logged::Asset(it) => of_asset(it),
        Logged::Account(it) => of_account(it),
        Logged::Transfer(it) => of_transfer(it),
    };
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Fields, one after the other: numbers of 8 bytes, big-endian; texts with their length before them;
/// a byte before what may be missing.
struct Bytes(Vec<u8>);

impl Bytes {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A short name, padded with zeros.
    fn name(self, name: &str) -> Self {
        let mut padded = [0; 16];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        self.raw(&padded)
    }

    fn int(self, int: i64) -> Self {
        self.raw(&int.to_be_bytes())
    }

    fn flag(self, flag: bool) -> Self {
        self.raw(&[u8::from(flag)])
    }

    fn text(self, text: &str) -> Self {
        self.int(text.len() as i64).raw(text.as_bytes())
    }

    fn maybe<T>(self, it: Option<T>, with: impl FnOnce(Self, T) -> Self) -> Self {
        match it {
            None => self.raw(&[0]),
            Some(it) => with(self.raw(&[1]), it),
        }
    }
}

fn of_asset(it: &AssetChange) -> Vec<u8> {
    let to = Bytes(b"asset__1".to_vec()).name(it.asset.as_str()).int(it.seq).int(it.at.0).int(it.n);
    let to = to.raw(&[it.scale]).flag(it.transferable).flag(it.sealed);
    let to = to.maybe(it.supply_cap, Bytes::int).maybe(it.closed_until, |to, it| to.int(it.0));
    to.maybe(it.user_id, |to, it| to.raw(it.0.as_bytes())).0
}

fn of_account(it: &AccountChange) -> Vec<u8> {
    let to = Bytes(b"account1".to_vec()).name(it.asset.as_str()).int(it.seq).int(it.at.0);
    let to = to.raw(it.account_id.0.as_bytes()).int(it.n).text(it.kind.word());
    let to = to.maybe(it.owner, |to, it| to.raw(it.0.as_bytes()));
    let to = to.flag(it.has_floor).int(it.credit_limit).maybe(it.ceiling, Bytes::int);
    let to = to.flag(it.frozen_in).flag(it.frozen_out).flag(it.closed);
    let to = to.maybe(it.velocity.as_deref(), Bytes::text);
    to.maybe(it.user_id, |to, it| to.raw(it.0.as_bytes())).0
}

fn of_transfer(it: &Transfer) -> Vec<u8> {
    let to = Bytes(b"transfr1".to_vec()).name(it.asset.as_str()).int(it.seq).int(it.at.0);
    let to = to.int(it.effective_at.0).raw(it.transaction_id.0.as_bytes()).raw(&[it.leg, it.legs]);
    let to = to.name(it.kind.as_str()).text(it.phase.word());
    let to = to.raw(it.debit_account.0.as_bytes()).raw(it.credit_account.0.as_bytes());
    let to = to.int(it.amount).maybe(it.about, |to, it| to.raw(it.0.as_bytes()));
    let to = to.maybe(it.about_leg, |to, it| to.raw(&[it]));
    let to = to.maybe(it.expires_at, |to, it| to.int(it.0));
    let to = to.maybe(it.user_id, |to, it| to.raw(it.0.as_bytes()));
    let to = to.maybe(it.reference.as_deref(), Bytes::text);
    let to = to.maybe(it.metadata.as_deref(), Bytes::text);
    to.maybe(it.memo, |to, it| to.raw(&it.0)).raw(&it.fingerprint.0).0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One of everything that is logged, with every field said at least once.
fn everything() -> (Bank, Vec<TransactionId>) {
    let bank = Bank::open();
    let rule = |name| VelocityRule {
        name: Kind::of(name),
        window: DAY,
        count_max: Some(9),
        sum_max: Some(1_000),
    };
    let (ceiling, velocity) = (Some(10_000), vec![rule("daily"), rule("other")]);
    bank.limit(ADA, Limits { floor: true, credit_limit: 7, ceiling, velocity });
    bank.give(ADA, 500);
    bank.freeze(BEN, true, true);
    bank.freeze(BEN, false, false);
    let mut tip = bank.tx().leg(Leg::transfer(COIN, ADA, BEN, 40)).leg(Leg::hold(
        COIN,
        ADA,
        FEES,
        2,
        Some(DAY),
    ));
    tip.user = Some(Uuid::from_u128(1).into());
    tip.reference = Some("psp-1".into());
    tip.metadata = Some("{\"room\":1}".into());
    tip.memo = Some("Thank you!".into());
    tip.effective_at = Some(bank.now() - DAY);
    bank.posted(&tip);
    let capture = bank.tx().leg(tip.legs[1].capture_last(tip.transfer(1), 1));
    bank.posted(&capture);
    let refund =
        Refund { amount: Some(3), ..Refund::all(bank.tx().id, tip.id, Kind::of("refund")) };
    bank.done(refund.clone());
    let undo = bank.tx().leg(Leg::transfer(COIN, ADA, FEES, 1).reverse(capture.transfer(0)));
    bank.posted(&undo);
    bank.done(ClosePeriod { asset: COIN, until: bank.now() });
    (bank, vec![tip.id, capture.id, refund.id, undo.id])
}

// What must never change: whoever has kept a head would find it false, and no retry would be one.
const LEAVES: [&str; 18] = [
    "420625575bff948a271ded3e25f1ec25e8283c5ce6115b19b724fa80e1c625f1",
    "5a386e4c8a339569f892d57c4cd25631694e0ba7c69ee52700f084e2e5c44637",
    "dc0e8e78a0caa182f96d43715112faa1c5aa66bbd0c96245e096070dcf1550f7",
    "29828b24151d2e1176b4664ec104509cda681086dca09c84d3e945957a43f2c3",
    "59aec1d7cab446c6e9a1165104000bb08947203d392ea9db445d57b07aad6bf8",
    "b3ae3e2952b0a2495637e1316daa27709c933feecbf43202b438d360239a3f20",
    "cef31c208f88c3157d339ed8726ca57a0b723c55d6c3c32b36f981ff4709c203",
    "6bb222e2ed9cbc1533f5ca6b91fc28cb92aefd210ada572db43ca025681a8d6a",
    "1aacbcc6e4c52377226120264586c962692ed52498394409e92a2a9c6974c446",
    "a9a363ef6cfa65fbec8527de3f72f79e6e0239ac18959870157218b8ba1d50a2",
    "414dcda34b2afb86facf807b6476489d19a5d8d89098cedc107b1db326248b41",
    "4172627c1d8fd359399c04a41c6421fd904c74dca2a9ab0f4775e2954958bbf1",
    "e3128b63267a1ce48281a15b2e11b5d4fdeed5ad3a5b412f06088a502ff1c05f",
    "8ef6035e24d6af456108c258e5bf4e6a05bbcd66b2634986aa84416d79f4ca8b",
    "6ad5505359935c66bdb242c3476d504737922cd5c5c96eb849135a08f6f8d4f8",
    "293a0b190074617447cd07d97666d070f73f8e1d9467ed6cf0652e77a86cd234",
    "46caea895f61eac33630c9eb09d64c6538b6ec1fa6ad2e7867c8ed8d3bc5cf77",
    "5ba107484c76ad1295dc83ebaaed5e2d555a9258c9d97d3d1658bb729d51565b",
];
const FINGERPRINTS: [&str; 4] = [
    "77f616647d304df138f76360fb0279e3ebe4fbabba5450ede5e730fdf9ca32b6",
    "0b2529a86a03eef879e10d11343a70af51662c9e6b2b89231cbc54573a755ca7",
    "c70ad546ee125f9cf85a052029ba510b1968d889ee602162a65ffec09ef9190f",
    "884424de33fa2b910451734ffb4b454b814c083dabf98a1f3d13b0e2727e6291",
];
const HEAD: &str = "3e66e8e9d204b6a8d5fae8258b1d4933dab27d96292c6b99ea77fc015f8a8bf8";

#[test]
fn the_encoding_is_as_it_was() {
    let (bank, ids) = everything();
    let books = Books::read(&bank.world);
    Sealed::default().check(&books);
    let log = books.log();
    let leaves: Vec<String> = log.iter().map(|it| hex(&leaf(it))).collect();
    let fingerprints: Vec<String> =
        ids.iter().map(|id| hex(&bank.row::<Transfer>((*id, 0)).fingerprint.0)).collect();
    assert_eq!(leaves, LEAVES);
    assert_eq!(fingerprints, FINGERPRINTS);
    assert_eq!(hex(&bank.asset().head().0), HEAD);
}

#[test]
fn an_asset_that_is_not_sealed_is_numbered_all_the_same() {
    let bank = Bank::empty();
    bank.done(OpenAsset { sealed: false, ..OpenAsset::new(COIN, 0) });
    bank.platform(MINT, AccountKind::Issuance);
    bank.wallet(ADA, 1);
    bank.give(ADA, 1);
    assert_eq!((bank.asset().size, bank.asset().frontier), (4, vec![]));
    Sealed::default().check(&Books::read(&bank.world));
}

#[test]
fn a_block_that_ends_amid_a_transaction_has_the_time_of_its_last_entry() {
    let bank = Bank::open();
    bank.checked.set(false);
    let mut posted = bank.tx();
    while bank.asset().size < BLOCK_LEAVES {
        posted = bank.tx();
        posted.legs = vec![Leg::transfer(COIN, MINT, FEES, 1); 64];
        bank.posted(&posted);
    }
    let books = Books::read(&bank.world);
    let last: Vec<i64> = (0..64).map(|n| bank.row::<Transfer>((posted.id, n)).seq).collect();
    assert!(last[0] < BLOCK_LEAVES - 1 && last[63] >= BLOCK_LEAVES, "{last:?}");
    Sealed::default().check(&books);
    let audit = block_on(bank.world.parlor.audit(|_| {})).unwrap();
    assert!(audit.findings.is_clean(), "{:?}", audit.findings);
}

#[test]
fn a_head_changes_with_the_log_and_else_stays() {
    let bank = Bank::open();
    let empty = bank.asset().head();
    bank.refused(Freeze { account: NOBODY, incoming: true, outgoing: true });
    assert_eq!(bank.asset().head(), empty);
    bank.freeze(ADA, true, false);
    let frozen = bank.asset().head();
    assert_ne!(frozen, empty);
    bank.give(BEN, 1);
    assert_ne!(bank.asset().head(), frozen);
}
