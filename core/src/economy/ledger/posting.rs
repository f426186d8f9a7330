//! A transaction on its way into the ledger: checked leg by leg, and written whole or not at all.

use super::working::Working;
use super::{
    Account, AccountId, AccountKind, Action, Asset, AssetCode, Block, Entry, Event, Field, Hold,
    HoldInput, HoldState, Kind, Leg, Memo, Phase, Receipt, Refusal, Returned, Shortfall, Side,
    Transaction, TransactionId, Transfer, TransferId,
};
use crate::engine::Ctx;
use crate::record::{Digest, Stored as _, Timestamp};
use crate::storage::{Draft, Missing, Stop};

/// Nothing is drafted before all of a transaction is found good.
pub(super) struct Posting<'c> {
    ctx: &'c Ctx,
    fingerprint: Digest,
    assets: Working<Asset>,
    accounts: Working<Account>,
    holds: Working<Hold>,
    returned: Working<Returned>,
    transfers: Vec<Transfer>,
    entries: Vec<Entry>,
}

/// A movement that a leg comes to.
struct Movement {
    phase: Phase,
    debit: AccountId,
    credit: AccountId,
    amount: i64,
    about: Option<TransferId>,
    expires_at: Option<Timestamp>,
}

/// Where a leg is looked at.
#[derive(Clone, Copy)]
struct At<'t> {
    transaction: &'t Transaction,
    leg: &'t Leg,
    n: u8,
    now: Timestamp,
}

impl<'c> Posting<'c> {
    pub(super) fn new(ctx: &'c Ctx, fingerprint: Digest) -> Self {
        Self {
            ctx,
            fingerprint,
            assets: Working::new(),
            accounts: Working::new(),
            holds: Working::new(),
            returned: Working::new(),
            transfers: Vec::new(),
            entries: Vec::new(),
        }
    }

    pub(super) fn run(
        mut self,
        draft: &mut Draft<'_>,
        transaction: &Transaction,
    ) -> Result<Receipt, Stop<Refusal>> {
        for (n, leg) in (0..).zip(&transaction.legs) {
            self.leg(draft, transaction, leg, n)?;
        }
        Ok(self.write(draft, transaction)?)
    }

    /// Checks a leg in the order of the refusals' numbers, and does what it says.
    fn leg(
        &mut self,
        draft: &Draft<'_>,
        transaction: &Transaction,
        leg: &Leg,
        n: u8,
    ) -> Result<(), Stop<Refusal>> {
        let mut at = At { transaction, leg, n, now: self.ctx.now };
        for (side, id) in [(Side::Debit, leg.debit), (Side::Credit, leg.credit)] {
            if self.accounts.get(draft, id)?.is_none() {
                return Err(Refusal::AccountNotFound { side, leg: n }.into());
            }
        }
        let Some(asset) = self.assets.get(draft, leg.asset)? else {
            return Err(Refusal::AssetNotFound { leg: n }.into());
        };
        at.now = at.now.max(after(asset.at));
        self.check_context(at)?;
        self.act(draft, at)
    }

    fn check_context(&self, at: At<'_>) -> Result<(), Refusal> {
        let At { leg, n, .. } = at;
        let asset = self.assets.held(leg.asset).expect("it was looked up");
        let (transferable, closed_until) = (asset.transferable, asset.closed_until);
        let debit = self.accounts.held(leg.debit).expect("it was looked up");
        let credit = self.accounts.held(leg.credit).expect("it was looked up");
        for (side, account) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if account.asset != leg.asset {
                return Err(Refusal::AssetMismatch { side, leg: n });
            }
        }
        let gives_up = matches!(leg.action, Action::Void { .. });
        if gives_up {
            return Ok(());
        }
        for (side, account) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if account.closed {
                return Err(Refusal::AccountClosed { side, leg: n });
            }
        }
        if credit.frozen_in {
            return Err(Refusal::AccountFrozenIn { leg: n });
        }
        let changes_hands = debit.kind.is_personal()
            && credit.kind.is_personal()
            && debit.owner != credit.owner
            && matches!(leg.action, Action::Transfer | Action::Hold { .. });
        if changes_hands && !transferable {
            return Err(Refusal::AssetNotTransferable { leg: n });
        }
        let effective_at = at.transaction.effective_at.unwrap_or(at.now);
        if closed_until.is_some_and(|until| effective_at < until) {
            return Err(Refusal::PeriodSealed { leg: n });
        }
        if debit.frozen_out {
            return Err(Refusal::AccountFrozenOut { leg: n });
        }
        Ok(())
    }

    fn act(&mut self, draft: &Draft<'_>, at: At<'_>) -> Result<(), Stop<Refusal>> {
        let Leg { debit, credit, amount, .. } = *at.leg;
        let movement =
            |phase, about| Movement { phase, debit, credit, amount, about, expires_at: None };
        match at.leg.action {
            Action::Transfer => self.go(draft, at, movement(Phase::Single, None)),
            Action::Hold { expires_in } => {
                let expires_at = expires_in.map(|time| at.now + time);
                self.go(draft, at, Movement { expires_at, ..movement(Phase::Hold, None) })?;
                self.open_hold(at, expires_at);
                Ok(())
            }
            Action::Capture { hold, last } => {
                let left = self.resolve(draft, at, hold, HoldUse::Capture { last })?;
                self.go(draft, at, movement(Phase::Capture, Some(hold)))?;
                match left {
                    0 => Ok(()),
                    amount => {
                        let rest = Movement { amount, ..movement(Phase::Void, Some(hold)) };
                        self.go(draft, at, rest)
                    }
                }
            }
            Action::Void { hold } => {
                let amount = self.resolve(draft, at, hold, HoldUse::Void)?;
                self.go(draft, at, Movement { amount, ..movement(Phase::Void, Some(hold)) })
            }
            Action::Refund { of, shortfall } => self.refund(draft, at, of, shortfall),
            Action::Reverse { of } => {
                self.give_back(draft, at, of, amount, true)?;
                self.go(draft, at, movement(Phase::Reversal, Some(of)))
            }
        }
    }

    fn open_hold(&mut self, at: At<'_>, expires_at: Option<Timestamp>) {
        let leg = self.transfers.last().map_or(0, |transfer| transfer.leg);
        self.holds.insert(Hold {
            transaction_id: at.transaction.id,
            leg,
            asset: at.leg.asset,
            debit_account: at.leg.debit,
            credit_account: at.leg.credit,
            amount: at.leg.amount,
            captured: 0,
            released: 0,
            state: HoldState::Open,
            expires_at,
        });
    }

    /// Takes a part out of a hold. Gives what is to be given up of it: of a capture, what is left
    /// after the last one.
    fn resolve(
        &mut self,
        draft: &Draft<'_>,
        at: At<'_>,
        id: TransferId,
        what: HoldUse,
    ) -> Result<i64, Stop<Refusal>> {
        let (leg, n) = (at.leg, at.n);
        let Some(hold) = self.holds.get(draft, id.key())? else {
            return Err(match draft.look::<Transfer>(id.key())? {
                Some(_) => Refusal::NotAHold { leg: n }.into(),
                None => Refusal::HoldNotFound { leg: n }.into(),
            });
        };
        hold.state.next(HoldInput::CapturePart)?;
        if hold.expires_at.is_some_and(|end| end <= at.now) {
            return Err(Refusal::HoldExpired.into());
        }
        let remaining = hold.remaining();
        if matches!(what, HoldUse::Capture { .. }) && leg.amount > remaining {
            return Err(Refusal::ExceedsHold { leg: n, remaining }.into());
        }
        let fields = [
            (hold.asset == leg.asset, Field::Asset),
            (hold.debit_account == leg.debit, Field::Debit),
            (hold.credit_account == leg.credit, Field::Credit),
        ];
        if let Some((_, field)) = fields.into_iter().find(|(same, _)| !same) {
            return Err(Refusal::HoldMismatch { leg: n, field }.into());
        }
        let amount = leg.amount.min(remaining);
        let left = remaining - amount;
        let (captured, given_up) = match what {
            HoldUse::Capture { last: true } => (amount, left),
            HoldUse::Capture { last: false } => (amount, 0),
            HoldUse::Void => (0, amount),
        };
        hold.take(captured, given_up)?;
        Ok(given_up)
    }

    fn refund(
        &mut self,
        draft: &Draft<'_>,
        at: At<'_>,
        of: TransferId,
        shortfall: Shortfall,
    ) -> Result<(), Stop<Refusal>> {
        let Leg { debit, credit, amount, .. } = *at.leg;
        let available = self.accounts.held(debit).and_then(Account::available);
        let there = available.map_or(amount, |there| {
            i64::try_from(there.clamp(0, amount.into())).expect("it is no more than the amount")
        });
        let (own, covered) = match shortfall {
            Shortfall::Reject => (amount, None),
            Shortfall::Take => (there.max(1), None),
            Shortfall::Cover(from) => (there, Some((from, amount - there))),
        };
        if let Some((from, 1..)) = covered {
            self.check_cover(draft, at, from)?;
        }
        let total = own + covered.map_or(0, |(_, amount)| amount);
        self.give_back(draft, at, of, total, false)?;
        let back = |debit, amount| Movement {
            phase: Phase::Refund,
            debit,
            credit,
            amount,
            about: Some(of),
            expires_at: None,
        };
        if own > 0 {
            self.go(draft, at, back(debit, own))?;
        }
        match covered {
            Some((from, amount @ 1..)) => self.go(draft, at, back(from, amount)),
            Some(_) | None => Ok(()),
        }
    }

    /// The account that covers what is missing was not looked at as a side of the leg.
    fn check_cover(
        &mut self,
        draft: &Draft<'_>,
        at: At<'_>,
        from: AccountId,
    ) -> Result<(), Stop<Refusal>> {
        let (side, leg) = (Side::Debit, at.n);
        match self.accounts.get(draft, from)? {
            None => Err(Refusal::AccountNotFound { side, leg }.into()),
            Some(it) if it.asset != at.leg.asset => {
                Err(Refusal::AssetMismatch { side, leg }.into())
            }
            Some(it) if it.closed => Err(Refusal::AccountClosed { side, leg }.into()),
            Some(it) if it.frozen_out => Err(Refusal::AccountFrozenOut { leg }.into()),
            Some(_) => Ok(()),
        }
    }

    /// Counts what is given back of an original, and bounds it.
    fn give_back(
        &mut self,
        draft: &Draft<'_>,
        at: At<'_>,
        of: TransferId,
        amount: i64,
        reverses: bool,
    ) -> Result<(), Stop<Refusal>> {
        let leg = at.n;
        let Some(original) = draft.look::<Transfer>(of.key())? else {
            return Err(Refusal::OriginalNotFound { leg }.into());
        };
        if self.returned.get(draft, of.key())?.is_none() {
            let (transaction_id, leg) = of.key();
            let amount = original.amount;
            self.returned.insert(Returned {
                transaction_id,
                leg,
                amount,
                returned: 0,
                reversed: false,
            });
        }
        let returned = self.returned.get(draft, of.key())?.expect("it was put there");
        let refundable = returned.amount - returned.returned;
        let is_part = reverses && amount != returned.amount;
        if !returned.reversed && (amount > refundable || is_part) {
            return Err(Refusal::RefundExceedsOriginal { leg, refundable }.into());
        }
        if returned.reversed {
            return Err(Refusal::AlreadyReversed { leg }.into());
        }
        if !original.phase.is_returnable() {
            return Err(Refusal::NotReversible { leg }.into());
        }
        let fields = [
            (original.asset == at.leg.asset, Field::Asset),
            (original.credit_account == at.leg.debit, Field::Debit),
            (original.debit_account == at.leg.credit, Field::Credit),
        ];
        if let Some((_, field)) = fields.into_iter().find(|(same, _)| !same) {
            return Err(Refusal::OriginalMismatch { leg, field }.into());
        }
        returned.returned += amount;
        returned.reversed = reverses;
        Ok(())
    }

    /// Checks the limits, and moves, reserves or gives up an amount.
    fn go(&mut self, draft: &Draft<'_>, at: At<'_>, it: Movement) -> Result<(), Stop<Refusal>> {
        let (leg, amount) = (at.n, it.amount);
        let asset = self.assets.get(draft, at.leg.asset)?.expect("it was looked up");
        let now = at.now.max(after(asset.at));
        let debit = self.accounts.get(draft, it.debit)?.expect("it was looked up");
        // What was reserved has been within the limits since, and what is given up only helps.
        let is_new = !it.phase.resolves();
        if let Some(available) = debit.available().filter(|_| is_new)
            && available < amount.into()
        {
            let available = narrow(available);
            return Err(Refusal::InsufficientFunds { leg, available }.into());
        }
        let credit = self.accounts.get(draft, it.credit)?.expect("it was looked up");
        if let Some(room) = credit.room().filter(|_| is_new)
            && room < amount.into()
        {
            return Err(Refusal::CeilingExceeded { leg, room: narrow(room) }.into());
        }
        let mut kinds = [AccountKind::Wallet; 2];
        for (n, (side, id)) in
            [(Side::Debit, it.debit), (Side::Credit, it.credit)].into_iter().enumerate()
        {
            let account = self.accounts.get(draft, id)?.expect("it was looked up");
            if side == Side::Debit && matches!(it.phase, Phase::Single | Phase::Hold) {
                account.count(leg, amount, now)?;
            }
            account.apply(side, it.phase, amount).ok_or(Refusal::BalanceOverflow { leg })?;
            kinds[n] = account.kind;
            self.entries.push(Entry {
                account_id: id,
                version: account.version,
                transaction_id: at.transaction.id,
                leg: self.transfers.len() as u8,
                side,
                phase: it.phase,
                kind: at.transaction.kind,
                amount,
                at: now,
                debits_posted: account.debits_posted,
                credits_posted: account.credits_posted,
                debits_pending: account.debits_pending,
                credits_pending: account.credits_pending,
            });
        }
        let asset = self.assets.get(draft, at.leg.asset)?.expect("it was looked up");
        if it.phase.posts() {
            asset.supply(leg, amount, kinds)?;
        }
        asset.at = now;
        let seq = asset.size + i64::from(self.pending_of(at.leg.asset));
        self.transfers.push(self.transfer(at, it, now, seq));
        Ok(())
    }

    /// How many transfers of an asset are not in its log yet.
    fn pending_of(&self, asset: AssetCode) -> u8 {
        self.transfers.iter().filter(|it| it.asset == asset).count() as u8
    }

    fn transfer(&self, at: At<'_>, it: Movement, now: Timestamp, seq: i64) -> Transfer {
        let transaction = at.transaction;
        Transfer {
            transaction_id: transaction.id,
            leg: self.transfers.len() as u8,
            legs: 0,
            asset: at.leg.asset,
            seq,
            at: now,
            effective_at: transaction.effective_at.unwrap_or(now),
            kind: transaction.kind,
            phase: it.phase,
            debit_account: it.debit,
            credit_account: it.credit,
            amount: it.amount,
            about: it.about.map(|about| about.transaction),
            about_leg: it.about.map(|about| about.leg),
            expires_at: it.expires_at,
            user_id: transaction.user,
            reference: transaction.reference.clone(),
            metadata: transaction.metadata.clone(),
            memo: None,
            fingerprint: self.fingerprint,
        }
    }

    /// Drafts all of it.
    fn write(
        mut self,
        draft: &mut Draft<'_>,
        transaction: &Transaction,
    ) -> Result<Receipt, Missing> {
        let memo = transaction.memo.as_ref().map(|text| {
            let transaction_id = transaction.id;
            Memo { transaction_id, salt: Digest(self.ctx.secret()), text: text.clone() }
        });
        let legs = self.transfers.len() as u8;
        for (n, mut transfer) in (0..).zip(std::mem::take(&mut self.transfers)) {
            transfer.legs = legs;
            transfer.memo = memo.as_ref().map(Memo::hash);
            let asset = self.assets.get(draft, transfer.asset)?.expect("it was looked up");
            if let Some(block) = asset.append(&transfer) {
                draft.fresh::<Block>((block.asset, block.n));
                draft.put(block)?;
            }
            if n > 0 {
                draft.fresh::<Transfer>((transfer.transaction_id, n));
            }
            self.transfers.push(transfer);
        }
        let receipt = self.transfers[0].receipt();
        for transfer in self.transfers {
            draft.put(transfer)?;
        }
        for entry in self.entries {
            draft.fresh::<Entry>((entry.account_id, entry.version));
            draft.put(entry)?;
        }
        for hold in self.holds.rows() {
            if hold.transaction_id == transaction.id {
                draft.fresh::<Hold>((hold.transaction_id, hold.leg));
            }
            draft.put(hold)?;
        }
        for row in self.returned.rows() {
            draft.put(row)?;
        }
        for account in self.accounts.rows() {
            draft.put(account)?;
        }
        for asset in self.assets.rows() {
            draft.put(asset)?;
        }
        if let Some(memo) = memo {
            draft.fresh::<Memo>(memo.transaction_id);
            draft.put(memo)?;
        }
        let (kind, user) = (transaction.kind, transaction.user);
        draft.emit(Event::Posted { transaction: transaction.id, kind, user, legs });
        Ok(receipt)
    }
}

/// Gives up what is left of a hold whose time is over. Closed and frozen accounts do not keep it.
pub(super) fn post_expiry(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    hold: Hold,
) -> Result<(), Stop<Refusal>> {
    let transaction: TransactionId = ctx.new_id();
    draft.fresh::<Transfer>((transaction, 0));
    let accounts = [hold.debit_account, hold.credit_account];
    draft.need(accounts.map(Account::own).into_iter().chain([Asset::own(hold.asset)]))?;
    let (amount, about) = (hold.remaining(), hold.transfer());
    let leg =
        Leg::transfer(hold.asset, hold.debit_account, hold.credit_account, amount).void(about);
    let transaction = Transaction::new(transaction, EXPIRED).leg(leg);
    let at = At { transaction: &transaction, leg: &transaction.legs[0], n: 0, now: ctx.now };
    let mut posting = Posting::new(ctx, transaction.fingerprint());
    for account in accounts {
        posting.accounts.get(draft, account)?;
    }
    let mut expired = hold;
    expired.expire()?;
    let [debit, credit] = accounts;
    let (phase, about, expires_at) = (Phase::Expiry, Some(about), None);
    posting.go(draft, at, Movement { phase, debit, credit, amount, about, expires_at })?;
    posting.holds.insert(expired);
    posting.write(draft, &transaction)?;
    Ok(())
}

/// What a transaction is that gives up a hold whose time is over.
const EXPIRED: Kind = Kind::of("hold_expired");

/// What is done with a hold.
#[derive(Clone, Copy)]
enum HoldUse {
    Capture { last: bool },
    Void,
}
impl Asset {
    /// Counts what is issued and used up.
    pub(super) fn supply(
        &mut self,
        leg: u8,
        amount: i64,
        [debit, credit]: [AccountKind; 2],
    ) -> Result<(), Refusal> {
        let overflow = Refusal::BalanceOverflow { leg };
        let add = |to: &mut i64, amount: i64| {
            *to = to.checked_add(amount).ok_or_else(|| overflow.clone())?;
            Ok::<(), Refusal>(())
        };
        let supply = |it: &Self| i128::from(it.issued) - i128::from(it.burned);
        let before = supply(self);
        for (kind, amount) in [(debit, amount), (credit, -amount)] {
            match kind {
                AccountKind::Issuance => add(&mut self.issued, amount)?,
                AccountKind::Burn => add(&mut self.burned, -amount)?,
                _ => {}
            }
        }
        let supply = supply(self);
        match self.supply_cap {
            Some(cap) if supply > before && supply > cap.into() => {
                let room = narrow(i128::from(cap) - before);
                Err(Refusal::SupplyCapExceeded { leg, room })
            }
            Some(_) | None => Ok(()),
        }
    }
}
/// The next instant.
pub(super) fn after(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_add(1))
}

/// For a refusal, which tells what can be told.
fn narrow(it: i128) -> i64 {
    i64::try_from(it.max(0)).unwrap_or(i64::MAX)
}
