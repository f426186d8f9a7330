use std::collections::{BTreeMap, BTreeSet};

use super::Kept;
use crate::economy::ledger::finding::{Findings, Place};
use crate::economy::ledger::{
    Account, AccountChange, AccountId, AccountKind, Asset, AssetChange, AssetCode, Hold, HoldState,
    Limits, LogEntry, Phase, Refusal, Returned, Side, Transfer, TransferId,
};
use crate::record::Timestamp;

/// The ledger as the logs make it, entry by entry.
#[derive(Default)]
pub(super) struct Replay {
    accounts: BTreeMap<AccountId, Account>,
    /// Those that were found again as they are kept, at a point where that could be read: not before
    /// the last one that was known.
    accounts_found: BTreeSet<AccountId>,
    holds: BTreeMap<TransferId, Hold>,
    holds_found: BTreeSet<TransferId>,
    returned: BTreeMap<TransferId, Returned>,
    returned_found: BTreeSet<TransferId>,
    /// The last capture, and its hold: what is left of that may be given up right after.
    captured: Option<(TransferId, TransferId)>,
    /// What can be given back, of which something was.
    originals: BTreeMap<TransferId, Original>,
    asset: Option<Asset>,
    /// Up to which entry of the log all must have been there before anything was read.
    known: i64,
}

/// What is given back of a transfer is given back of this.
#[derive(Clone, Copy)]
struct Original {
    asset: AssetCode,
    debit: AccountId,
    credit: AccountId,
    amount: i64,
}

impl Replay {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Begins with the log of an asset.
    pub(super) fn begin(&mut self, asset: &Asset, known: i64) {
        self.known = known;
        self.asset = Some(Asset {
            code: asset.code,
            sealed: false,
            scale: 0,
            transferable: false,
            supply_cap: None,
            changes: 0,
            closed_until: None,
            size: 0,
            at: Timestamp(i64::MIN),
            issued: 0,
            burned: 0,
            frontier: Vec::new(),
        });
    }

    pub(super) fn entry(&mut self, entry: &LogEntry, kept: &Kept, findings: &mut Findings) {
        let asset = entry.asset();
        let place = Place::Log { asset, seq: entry.seq() };
        if let Some(asset) = &mut self.asset {
            (asset.at, asset.size) = (entry.at(), entry.seq() + 1);
        }
        match entry {
            LogEntry::Asset(change) => self.asset_change(change, place, findings),
            LogEntry::Account(change) => self.account_change(change, kept, place, findings),
            LogEntry::Transfer(transfer) => self.transfer(transfer, kept, place, findings),
        }
    }

    fn asset_change(&mut self, change: &AssetChange, place: Place, findings: &mut Findings) {
        let Some(asset) = &mut self.asset else { return };
        asset.changes += 1;
        findings.same(place, "the number of the change", &change.n, &asset.changes);
        asset.scale = change.scale;
        asset.transferable = change.transferable;
        asset.supply_cap = change.supply_cap;
        asset.closed_until = change.closed_until;
        if asset.changes == 1 {
            asset.sealed = change.sealed;
        }
        findings.same(place, "whether it is sealed", &change.sealed, &asset.sealed);
    }

    fn account_change(
        &mut self,
        change: &AccountChange,
        kept: &Kept,
        place: Place,
        findings: &mut Findings,
    ) {
        let id = change.account_id;
        if !kept.accounts.contains_key(&id) && change.seq < self.known {
            findings.add(Place::Account(id), "it is missing");
        }
        let opened = Account::opened(id, change.asset, change.kind, change.owner);
        let account = self.accounts.entry(id).or_insert(opened);
        account.changes += 1;
        findings.same(place, "the number of the change", &change.n, &account.changes);
        let kind_and_owner = (account.kind, account.owner, account.asset);
        let as_opened = kind_and_owner == (change.kind, change.owner, change.asset);
        findings.unless(as_opened, place, "an account's kind, owner and asset never change");
        let velocity = change.velocity.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
        match velocity {
            Err(_) => findings.add(place, "the rules of velocity cannot be read"),
            Ok(velocity) => account.limit(&Limits {
                floor: change.has_floor,
                credit_limit: change.credit_limit,
                ceiling: change.ceiling,
                velocity,
            }),
        }
        (account.frozen_in, account.frozen_out) = (change.frozen_in, change.frozen_out);
        account.closed = change.closed;
        if account.closed {
            let is_empty = account.balance() == 0 && account.has_no_holds();
            findings.unless(is_empty, place, "it is closed and not empty");
        }
        self.look_for(id, change.seq, kept, findings);
    }

    fn transfer(
        &mut self,
        transfer: &Transfer,
        kept: &Kept,
        place: Place,
        findings: &mut Findings,
    ) {
        let resolves = !matches!(transfer.phase, Phase::Single | Phase::Hold);
        let is_about = (transfer.about.is_some(), transfer.about_leg.is_some());
        let is_whole = is_about == (resolves, resolves)
            && (transfer.expires_at.is_none() || transfer.phase == Phase::Hold);
        findings.unless(is_whole, place, "it says more than a transfer of its phase does, or less");
        let sides =
            [(Side::Debit, transfer.debit_account), (Side::Credit, transfer.credit_account)];
        findings.unless(sides[0].1 != sides[1].1, place, "it gives to the account it takes from");
        if transfer.amount <= 0 {
            findings.add(place, "its amount is not more than zero");
            return;
        }
        self.check_terms(transfer, place, findings);
        let mut kinds = [AccountKind::Wallet; 2];
        for (n, (side, id)) in sides.into_iter().enumerate() {
            let Some(account) = self.accounts.get_mut(&id) else {
                findings.add(place, format!("its {side} account was never opened"));
                continue;
            };
            kinds[n] = account.kind;
            move_account(account, side, transfer, place, findings);
            self.look_for(id, transfer.seq, kept, findings);
        }
        if transfer.phase.posts()
            && let Some(asset) = &mut self.asset
            && let Err(refusal) = asset.supply(transfer.leg, transfer.amount, kinds)
        {
            findings.add(place, format!("it must not have been posted: {refusal}"));
        }
        match transfer.phase {
            Phase::Single => {}
            Phase::Hold => self.hold(transfer, kept, findings),
            Phase::Capture | Phase::Void | Phase::Expiry => {
                self.resolve(transfer, kept, place, findings);
            }
            Phase::Refund | Phase::Reversal => self.give_back(transfer, kept, place, findings),
        }
        if transfer.phase.is_returnable() {
            let id = transfer.id();
            if kept.returned.contains_key(&id) {
                let (debit, credit) = (transfer.debit_account, transfer.credit_account);
                let Transfer { asset, amount, .. } = *transfer;
                self.originals.insert(id, Original { asset, debit, credit, amount });
            }
        }
    }

    /// What an asset was when something was posted of it. What gives up a reservation is always let.
    fn check_terms(&self, transfer: &Transfer, place: Place, findings: &mut Findings) {
        let Some(asset) = &self.asset else { return };
        if matches!(transfer.phase, Phase::Void | Phase::Expiry) {
            return;
        }
        let is_open = asset.closed_until.is_none_or(|until| until <= transfer.effective_at);
        findings.unless(is_open, place, "it took effect in a period that was closed");
        let sides =
            [transfer.debit_account, transfer.credit_account].map(|id| self.accounts.get(&id));
        if let [Some(debit), Some(credit)] = sides
            && matches!(transfer.phase, Phase::Single | Phase::Hold)
            && debit.kind.is_personal()
            && credit.kind.is_personal()
            && debit.owner != credit.owner
        {
            findings.unless(
                asset.transferable,
                place,
                "its asset is not given from one to another",
            );
        }
    }

    fn hold(&mut self, transfer: &Transfer, kept: &Kept, findings: &mut Findings) {
        let id = transfer.id();
        if !kept.holds.contains_key(&id) && transfer.seq < self.known {
            findings.add(Place::Hold(id), "it is missing");
        }
        self.holds.insert(
            id,
            Hold {
                transaction_id: id.transaction,
                leg: id.leg,
                asset: transfer.asset,
                debit_account: transfer.debit_account,
                credit_account: transfer.credit_account,
                amount: transfer.amount,
                captured: 0,
                released: 0,
                state: HoldState::Open,
                expires_at: transfer.expires_at,
            },
        );
        self.look_for_hold(id, transfer.seq, kept);
    }

    fn resolve(&mut self, transfer: &Transfer, kept: &Kept, place: Place, findings: &mut Findings) {
        let hold = transfer.about().and_then(|id| Some((id, self.holds.get_mut(&id)?)));
        let Some((id, hold)) = hold else {
            findings.add(place, "there is no such hold");
            return;
        };
        let terms = (transfer.asset, transfer.debit_account, transfer.credit_account);
        let is_same = (hold.asset, hold.debit_account, hold.credit_account) == terms;
        findings.unless(is_same, place, "its hold is of something else");
        let left = hold.remaining() - transfer.amount;
        findings.unless(left >= 0, place, "it is more than was left of its hold");
        let late = hold.expires_at.is_some_and(|end| end <= transfer.at);
        let before = transfer.leg.checked_sub(1).map(|leg| TransferId { leg, ..transfer.id() });
        let is_rest = transfer.phase == Phase::Void
            && before.is_some_and(|it| self.captured == Some((it, id)));
        if transfer.phase != Phase::Expiry && !is_rest {
            findings.unless(!late, place, "its hold's time was over");
        }
        if transfer.phase == Phase::Capture {
            self.captured = Some((transfer.id(), id));
        }
        let taken = match transfer.phase {
            Phase::Capture => hold.take(transfer.amount, 0),
            Phase::Expiry if left == 0 => hold.expire(),
            _ => hold.take(0, transfer.amount),
        };
        if let Err(refusal) = taken {
            findings.add(place, refusal.to_string());
        }
        self.look_for_hold(id, transfer.seq, kept);
    }

    fn give_back(
        &mut self,
        transfer: &Transfer,
        kept: &Kept,
        place: Place,
        findings: &mut Findings,
    ) {
        let Some(id) = transfer.about() else {
            findings.add(place, "it does not say what it gives back");
            return;
        };
        let Some(original) = self.originals.get(&id).copied() else {
            if transfer.seq < self.known {
                findings.add(Place::Returned(id), "it is missing, or about nothing");
            }
            return;
        };
        // Another account may cover for the one that should give back.
        let undoes = transfer.phase == Phase::Reversal;
        let is_back = (original.asset, original.debit) == (transfer.asset, transfer.credit_account)
            && (!undoes || original.credit == transfer.debit_account);
        findings.unless(is_back, place, "it does not go back to where it came from");
        let is_whole = !undoes || original.amount == transfer.amount;
        findings.unless(is_whole, place, "it undoes a part only");
        let amount = original.amount;
        let (transaction_id, leg) = id.key();
        let new = Returned { transaction_id, leg, amount, returned: 0, reversed: false };
        let returned = self.returned.entry(id).or_insert(new);
        returned.returned = returned.returned.saturating_add(transfer.amount);
        findings.unless(!returned.reversed, place, "what it gives back was undone already");
        let is_bounded = returned.returned <= returned.amount;
        findings.unless(is_bounded, place, "it gives back more than was moved");
        returned.reversed |= transfer.phase == Phase::Reversal;
        let is_there = kept.returned.get(&id) == Some(returned);
        note(&mut self.returned_found, id, is_there, transfer.seq < self.known);
    }

    /// Compares an account with the one that is kept, at the point where that was read.
    fn look_for(&mut self, id: AccountId, seq: i64, kept: &Kept, findings: &mut Findings) {
        let (Some(kept), Some(account)) = (kept.accounts.get(&id), self.accounts.get(&id)) else {
            return;
        };
        let is_there = (account.version, account.changes) == (kept.version, kept.changes);
        if is_there {
            compare_accounts(kept, account, findings);
        }
        note(&mut self.accounts_found, id, is_there, seq < self.known);
    }

    fn look_for_hold(&mut self, id: TransferId, seq: i64, kept: &Kept) {
        let Some(hold) = self.holds.get(&id) else { return };
        let is_there = kept.holds.get(&id) == Some(hold);
        note(&mut self.holds_found, id, is_there, seq < self.known);
    }

    pub(super) fn compare_asset(&self, kept: &Asset, findings: &mut Findings) {
        let Some(asset) = &self.asset else { return };
        let place = Place::Asset(kept.code);
        findings.same(place, "the scale", &kept.scale, &asset.scale);
        findings.same(place, "whether it is transferable", &kept.transferable, &asset.transferable);
        findings.same(place, "whether it is sealed", &kept.sealed, &asset.sealed);
        findings.same(place, "the supply cap", &kept.supply_cap, &asset.supply_cap);
        findings.same(
            place,
            "the end of the closed period",
            &kept.closed_until,
            &asset.closed_until,
        );
        findings.same(place, "the number of changes", &kept.changes, &asset.changes);
        findings.same(place, "what was issued", &kept.issued, &asset.issued);
        findings.same(place, "what was burned", &kept.burned, &asset.burned);
        self.check_balance(kept.code, findings);
    }

    /// Debits and credits of an asset are the same, posted and pending.
    fn check_balance(&self, asset: AssetCode, findings: &mut Findings) {
        let mut sums = [0_i128; 4];
        for it in self.accounts.values().filter(|it| it.asset == asset) {
            let counters =
                [it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending];
            for (sum, counter) in sums.iter_mut().zip(counters) {
                *sum += i128::from(counter);
            }
        }
        let place = Place::Asset(asset);
        findings.same(place, "the sum of debits", &sums[0], &sums[1]);
        findings.same(place, "the sum of what is reserved to go out", &sums[2], &sums[3]);
    }

    /// What was kept and not found in any log.
    pub(super) fn end(&self, kept: &Kept, findings: &mut Findings) {
        for id in kept.accounts.keys().filter(|id| !self.accounts_found.contains(id)) {
            let problem = "the log leads to more entries and changes than it has, or to fewer";
            findings.add(Place::Account(*id), problem);
        }
        for id in kept.holds.keys().filter(|id| !self.holds_found.contains(id)) {
            findings.add(Place::Hold(*id), "the log does not lead to what it has");
        }
        for id in kept.returned.keys().filter(|id| !self.returned_found.contains(id)) {
            findings.add(Place::Returned(*id), "the log does not lead to what it has");
        }
    }
}

/// Notes whether what is kept is as the log has it at an entry. Once something was known to be there
/// before it was read, it must be as it was then, or as it became later.
fn note<I: Ord>(found: &mut BTreeSet<I>, id: I, is_there: bool, is_known: bool) {
    if is_there {
        found.insert(id);
    } else if is_known {
        found.remove(&id);
    }
}

fn move_account(
    account: &mut Account,
    side: Side,
    transfer: &Transfer,
    place: Place,
    findings: &mut Findings,
) {
    let (phase, amount) = (transfer.phase, transfer.amount);
    findings.same(place, "its asset", &transfer.asset, &account.asset);
    if !matches!(phase, Phase::Void | Phase::Expiry) {
        let is_frozen = match side {
            Side::Debit => account.frozen_out,
            Side::Credit => account.frozen_in,
        };
        findings.unless(!is_frozen, place, "its account was frozen");
        findings.unless(!account.closed, place, "its account was closed");
    }
    if side == Side::Debit
        && matches!(phase, Phase::Single | Phase::Hold)
        && let Err(refusal @ Refusal::VelocityExceeded { .. }) =
            account.count(transfer.leg, amount, transfer.at)
    {
        findings.add(place, format!("it must not have been posted: {refusal}"));
    }
    if account.apply(side, phase, amount).is_none() {
        findings.add(place, "it is more than the account can count");
    }
    let is_sound = account.debits_pending >= 0 && account.credits_pending >= 0;
    findings.unless(is_sound, place, "more was given up than was reserved");
    if !phase.resolves() {
        let left = match side {
            Side::Debit => account.available(),
            Side::Credit => account.room(),
        };
        findings.unless(
            left.is_none_or(|left| left >= 0),
            place,
            "its account is outside its limits",
        );
    }
}

fn compare_accounts(kept: &Account, reckoned: &Account, findings: &mut Findings) {
    let place = Place::Account(kept.id);
    let counters = [
        ("what was debited", kept.debits_posted, reckoned.debits_posted),
        ("what was credited", kept.credits_posted, reckoned.credits_posted),
        ("what is reserved to go out", kept.debits_pending, reckoned.debits_pending),
        ("what is reserved to come in", kept.credits_pending, reckoned.credits_pending),
    ];
    for (field, kept, reckoned) in counters {
        findings.same(place, field, &kept, &reckoned);
    }
    findings.same(place, "the asset", &kept.asset, &reckoned.asset);
    findings.same(place, "the kind", &kept.kind, &reckoned.kind);
    findings.same(place, "the owner", &kept.owner, &reckoned.owner);
    let flags = [
        ("whether it is frozen to what comes in", kept.frozen_in, reckoned.frozen_in),
        ("whether it is frozen to what goes out", kept.frozen_out, reckoned.frozen_out),
        ("whether it is closed", kept.closed, reckoned.closed),
    ];
    for (field, kept, reckoned) in flags {
        findings.same(place, field, &kept, &reckoned);
    }
    let has_limits = kept.limits() == reckoned.limits();
    findings.unless(has_limits, place, "its limits are not those it was given");
    let has_windows = kept.velocity == reckoned.velocity;
    findings.unless(has_windows, place, "its windows of velocity are not as the log fills them");
}
