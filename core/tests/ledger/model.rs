//! The ledger in the plainest words there are: maps, and a list of reasons to say no of which the
//! one with the lowest number is given. What it would answer is a set, as more than one answer may be
//! right.

use std::collections::BTreeMap;
use std::time::Duration;

use parlor_core::economy::ledger::{
    AccountId, AccountKind, Action, AssetCode, Field, HoldState, Kind, Leg, Limits, Outcome,
    OwnerId, Phase, Receipt, Refund, Refusal, Request, Shortfall, Side, Transaction, TransactionId,
    TransferId,
};
use parlor_core::record::Timestamp;

/// How long a refusal sticks, in microseconds.
const STICKS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) assets: BTreeMap<AssetCode, AnAsset>,
    pub(crate) accounts: BTreeMap<AccountId, AnAccount>,
    pub(crate) transfers: BTreeMap<TransferId, Moved>,
    pub(crate) holds: BTreeMap<TransferId, Held>,
    pub(crate) requests: BTreeMap<TransactionId, (Request, Said)>,
    /// Until when refusals are remembered, even of what was posted since.
    remembered: BTreeMap<TransactionId, i64>,
    /// What may be said of the last step.
    pub(crate) expected: Vec<Answer>,
    pub(crate) next_id: u128,
}

#[derive(Clone, Debug)]
pub(crate) struct AnAsset {
    pub(crate) transferable: bool,
    pub(crate) cap: Option<i64>,
    pub(crate) closed_until: Option<i64>,
    pub(crate) at: i64,
    pub(crate) size: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct AnAccount {
    pub(crate) asset: AssetCode,
    pub(crate) kind: AccountKind,
    pub(crate) owner: Option<OwnerId>,
    pub(crate) limits: Limits,
    pub(crate) frozen: (bool, bool),
    pub(crate) closed: bool,
    pub(crate) balance: i64,
    pub(crate) going: i64,
    pub(crate) coming: i64,
    /// What went out since each rule was made: when, and how much.
    outs: BTreeMap<(Kind, Duration), Vec<(i64, i64)>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) asset: AssetCode,
    pub(crate) debit: AccountId,
    pub(crate) credit: AccountId,
    pub(crate) amount: i64,
    pub(crate) phase: Phase,
    pub(crate) returned: i64,
    undone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) asset: AssetCode,
    pub(crate) debit: AccountId,
    pub(crate) credit: AccountId,
    pub(crate) left: i64,
    pub(crate) state: HoldState,
    pub(crate) ends: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Said {
    Posted(Receipt),
    Refused(Refusal, i64),
}

/// What is said of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Outcome(Outcome),
    Refused(Refusal),
    /// So many things were due.
    Due(usize),
}

/// A part of a leg, on its way.
struct Part {
    phase: Phase,
    debit: AccountId,
    credit: AccountId,
    amount: i64,
    ends: Option<i64>,
}

impl Model {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now: now.0,
            assets: BTreeMap::new(),
            accounts: BTreeMap::new(),
            transfers: BTreeMap::new(),
            holds: BTreeMap::new(),
            requests: BTreeMap::new(),
            remembered: BTreeMap::new(),
            expected: Vec::new(),
            next_id: 1,
        }
    }

    pub(crate) fn open_asset(&mut self, code: AssetCode, transferable: bool, cap: Option<i64>) {
        let it = AnAsset { transferable, cap, closed_until: None, at: self.now, size: 1 };
        self.assets.insert(code, it);
    }

    pub(crate) fn open_account(
        &mut self,
        id: AccountId,
        asset: AssetCode,
        kind: AccountKind,
        owner: Option<OwnerId>,
        limits: Limits,
    ) {
        let (frozen, closed, balance, going, coming) = ((false, false), false, 0, 0, 0);
        let outs = BTreeMap::new();
        let mut it =
            AnAccount { asset, kind, owner, limits, frozen, closed, balance, going, coming, outs };
        it.keep_rules();
        self.accounts.insert(id, it);
        self.log(asset);
    }

    /// An entry of the log: its number, and its time.
    fn log(&mut self, asset: AssetCode) -> (i64, i64) {
        let it = self.assets.get_mut(&asset).unwrap();
        it.at = self.now.max(it.at + 1);
        it.size += 1;
        (it.size - 1, it.at)
    }

    pub(crate) fn post(&mut self, tx: &Transaction) -> Vec<Answer> {
        if let Some(refusal) = malformed(tx) {
            return vec![Answer::Refused(refusal)];
        }
        let new = Request::Post(tx.clone());
        if let Some(answers) = self.said_before(tx.id, &new) {
            return answers;
        }
        if tx.effective_at.is_some_and(|at| at.0 > self.now) {
            return vec![Answer::Refused(Refusal::BadTimestamp)];
        }
        let mut after = self.clone();
        let receipt = after.legs(tx);
        self.settle(tx.id, new, after, receipt)
    }

    pub(crate) fn refund(&mut self, refund: &Refund) -> Vec<Answer> {
        let new = Request::Refund(refund.clone());
        if let Some(answers) = self.said_before(refund.id, &new) {
            return answers;
        }
        let mut after = self.clone();
        let receipt = self.resolve(refund).and_then(|tx| match malformed(&tx) {
            None => after.legs(&tx),
            Some(refusal) => Err(refusal),
        });
        self.settle(refund.id, new, after, receipt)
    }

    /// All or nothing.
    fn settle(
        &mut self,
        id: TransactionId,
        request: Request,
        after: Self,
        receipt: Result<Receipt, Refusal>,
    ) -> Vec<Answer> {
        match receipt {
            Ok(receipt) => {
                *self = after;
                self.requests.insert(id, (request, Said::Posted(receipt)));
                vec![Answer::Outcome(Outcome::Posted(receipt))]
            }
            Err(refusal) => {
                // What is malformed is decided anew each time.
                if refusal.number() >= 300 {
                    let said = Said::Refused(refusal.clone(), self.now + STICKS);
                    self.remembered.insert(id, self.now + STICKS);
                    self.requests.insert(id, (request, said));
                }
                vec![Answer::Refused(refusal)]
            }
        }
    }

    fn said_before(&self, id: TransactionId, new: &Request) -> Option<Vec<Answer>> {
        let (first, said) = self.requests.get(&id)?;
        let conflict = |field: &Field| Answer::Refused(Refusal::IdConflict { field: *field });
        match said {
            Said::Refused(_, until) if *until <= self.now => None,
            Said::Posted(receipt) if first == new => {
                Some(vec![Answer::Outcome(Outcome::Replayed(*receipt))])
            }
            Said::Refused(refusal, _) if first == new => {
                Some(vec![Answer::Refused(refusal.clone())])
            }
            Said::Posted(_) => Some(differ_from_posted(first, new).iter().map(conflict).collect()),
            Said::Refused(..) => Some(vec![conflict(&differ(first, new))]),
        }
    }

    fn legs(&mut self, tx: &Transaction) -> Result<Receipt, Refusal> {
        let mut receipt = None;
        let mut transfers = 0;
        for (n, leg) in (0..).zip(&tx.legs) {
            for part in self.leg(tx, leg, n)? {
                let (seq, at) = self.go(tx, leg, n, transfers, part)?;
                let first = (leg.asset, seq, at);
                receipt.get_or_insert(first);
                transfers += 1;
            }
        }
        let (asset, seq, at) = receipt.unwrap();
        Ok(Receipt { transaction: tx.id, asset, seq, at: Timestamp(at), legs: transfers })
    }

    /// All reasons against a leg, before limits are looked at; else what it comes to.
    fn leg(&mut self, tx: &Transaction, leg: &Leg, n: u8) -> Result<Vec<Part>, Refusal> {
        let mut no = Vec::new();
        let (debit, credit) = (self.accounts.get(&leg.debit), self.accounts.get(&leg.credit));
        for (side, it) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if it.is_none() {
                no.push(Refusal::AccountNotFound { side, leg: n });
            }
        }
        let asset = self.assets.get(&leg.asset);
        if asset.is_none() {
            no.push(Refusal::AssetNotFound { leg: n });
        }
        lowest(no)?;
        let (debit, credit, asset) = (debit.unwrap(), credit.unwrap(), asset.unwrap());
        let at = self.now.max(asset.at + 1);
        let mut no = Vec::new();
        for (side, it) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if it.asset != leg.asset {
                no.push(Refusal::AssetMismatch { side, leg: n });
            }
            if it.closed && !matches!(leg.action, Action::Void { .. }) {
                no.push(Refusal::AccountClosed { side, leg: n });
            }
        }
        if !matches!(leg.action, Action::Void { .. }) {
            if credit.frozen.0 {
                no.push(Refusal::AccountFrozenIn { leg: n });
            }
            if debit.frozen.1 {
                no.push(Refusal::AccountFrozenOut { leg: n });
            }
            let effective = tx.effective_at.map_or(at, |it| it.0);
            if asset.closed_until.is_some_and(|until| effective < until) {
                no.push(Refusal::PeriodSealed { leg: n });
            }
        }
        let personal = |it: &AnAccount| {
            [AccountKind::Wallet, AccountKind::Earnings, AccountKind::Promo].contains(&it.kind)
        };
        let is_gift = personal(debit) && personal(credit) && debit.owner != credit.owner;
        let is_new = matches!(leg.action, Action::Transfer | Action::Hold { .. });
        if is_gift && is_new && !asset.transferable {
            no.push(Refusal::AssetNotTransferable { leg: n });
        }
        let part = |phase, amount| Part {
            phase,
            debit: leg.debit,
            credit: leg.credit,
            amount,
            ends: None,
        };
        let parts = match &leg.action {
            Action::Transfer => vec![part(Phase::Single, leg.amount)],
            Action::Hold { expires_in } => {
                let ends = expires_in.map(|it| at + it.as_micros() as i64);
                vec![Part { ends, ..part(Phase::Hold, leg.amount) }]
            }
            Action::Capture { hold, last } => {
                self.why_not_resolve(tx, leg, n, *hold, at, true, &mut no);
                lowest(std::mem::take(&mut no))?;
                let it = self.holds.get_mut(hold).unwrap();
                it.left -= leg.amount;
                let rest = if *last { std::mem::take(&mut it.left) } else { 0 };
                if it.left == 0 {
                    it.state = HoldState::Captured;
                }
                let mut parts = vec![part(Phase::Capture, leg.amount)];
                parts.extend((rest > 0).then(|| part(Phase::Void, rest)));
                parts
            }
            Action::Void { hold } => {
                self.why_not_resolve(tx, leg, n, *hold, at, false, &mut no);
                lowest(std::mem::take(&mut no))?;
                let it = self.holds.get_mut(hold).unwrap();
                let amount = leg.amount.min(it.left);
                it.left -= amount;
                if it.left == 0 {
                    it.state = HoldState::Voided;
                }
                vec![part(Phase::Void, amount)]
            }
            Action::Refund { of, shortfall } => {
                // Who covers is looked at once both sides are found good.
                lowest(std::mem::take(&mut no))?;
                let there = debit.available().map_or(leg.amount, |it| it.clamp(0, leg.amount));
                let (own, covered) = match shortfall {
                    Shortfall::Reject => (leg.amount, None),
                    Shortfall::Take => (there.max(1), None),
                    Shortfall::Cover(by) => (there, Some((*by, leg.amount - there))),
                };
                let mut parts = Vec::new();
                parts.extend((own > 0).then(|| part(Phase::Refund, own)));
                if let Some((by, amount)) = covered.filter(|(_, amount)| *amount > 0) {
                    match self.accounts.get(&by) {
                        None => no.push(Refusal::AccountNotFound { side: Side::Debit, leg: n }),
                        Some(it) => {
                            if it.asset != leg.asset {
                                no.push(Refusal::AssetMismatch { side: Side::Debit, leg: n });
                            }
                            if it.closed {
                                no.push(Refusal::AccountClosed { side: Side::Debit, leg: n });
                            }
                            if it.frozen.1 {
                                no.push(Refusal::AccountFrozenOut { leg: n });
                            }
                        }
                    }
                    parts.push(Part { debit: by, ..part(Phase::Refund, amount) });
                }
                let total = own + covered.map_or(0, |(_, amount)| amount);
                self.why_not_return(tx, leg, n, *of, total, false, &mut no);
                lowest(std::mem::take(&mut no))?;
                self.transfers.get_mut(of).unwrap().returned += total;
                parts
            }
            Action::Reverse { of } => {
                self.why_not_return(tx, leg, n, *of, leg.amount, true, &mut no);
                lowest(std::mem::take(&mut no))?;
                let it = self.transfers.get_mut(of).unwrap();
                (it.returned, it.undone) = (it.amount, true);
                vec![part(Phase::Reversal, leg.amount)]
            }
        };
        lowest(no)?;
        Ok(parts)
    }

    fn why_not_resolve(
        &self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        id: TransferId,
        at: i64,
        captures: bool,
        no: &mut Vec<Refusal>,
    ) {
        let Some(hold) = self.holds.get(&id) else {
            // What the transaction itself moves has not been moved yet.
            no.push(match self.transfers.contains_key(&id) && id.transaction != tx.id {
                true => Refusal::NotAHold { leg: n },
                false => Refusal::HoldNotFound { leg: n },
            });
            return;
        };
        match hold.state {
            HoldState::Captured => no.push(Refusal::HoldAlreadyCaptured),
            HoldState::Voided => no.push(Refusal::HoldVoided),
            HoldState::Expired => no.push(Refusal::HoldExpired),
            HoldState::Open if hold.ends.is_some_and(|it| it <= at) => {
                no.push(Refusal::HoldExpired);
            }
            HoldState::Open => {}
        }
        if captures && leg.amount > hold.left {
            no.push(Refusal::ExceedsHold { leg: n, remaining: hold.left });
        }
        for (same, field) in [
            (hold.asset == leg.asset, Field::Asset),
            (hold.debit == leg.debit, Field::Debit),
            (hold.credit == leg.credit, Field::Credit),
        ] {
            if !same {
                no.push(Refusal::HoldMismatch { leg: n, field });
            }
        }
    }

    fn why_not_return(
        &self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        of: TransferId,
        amount: i64,
        undoes: bool,
        no: &mut Vec<Refusal>,
    ) {
        let it = self.transfers.get(&of).filter(|_| of.transaction != tx.id);
        let Some(it) = it else {
            no.push(Refusal::OriginalNotFound { leg: n });
            return;
        };
        let refundable = it.amount - it.returned;
        // Of what was undone nothing is left, and that it was undone says more.
        match it.undone {
            true => no.push(Refusal::AlreadyReversed { leg: n }),
            false if amount > refundable || undoes && amount != it.amount => {
                no.push(Refusal::RefundExceedsOriginal { leg: n, refundable });
            }
            false => {}
        }
        if !matches!(it.phase, Phase::Single | Phase::Capture) {
            no.push(Refusal::NotReversible { leg: n });
        }
        for (same, field) in [
            (it.asset == leg.asset, Field::Asset),
            (it.credit == leg.debit, Field::Debit),
            (it.debit == leg.credit, Field::Credit),
        ] {
            if !same {
                no.push(Refusal::OriginalMismatch { leg: n, field });
            }
        }
    }

    /// All limits that stand against a part; else it is as it says.
    fn go(
        &mut self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        number: u8,
        part: Part,
    ) -> Result<(i64, i64), Refusal> {
        let Part { phase, debit, credit, amount, ends } = part;
        let asset = &self.assets[&leg.asset];
        let at = self.now.max(asset.at + 1);
        let (from, to) = (&self.accounts[&debit], &self.accounts[&credit]);
        let mut no = Vec::new();
        let is_new = !matches!(phase, Phase::Capture | Phase::Void | Phase::Expiry);
        if let Some(available) = from.available().filter(|it| is_new && *it < amount) {
            no.push(Refusal::InsufficientFunds { leg: n, available: available.max(0) });
        }
        if let Some(room) = to.room().filter(|it| is_new && *it < amount) {
            no.push(Refusal::CeilingExceeded { leg: n, room: room.max(0) });
        }
        if matches!(phase, Phase::Single | Phase::Hold) {
            no.extend(from.too_fast(n, amount, at));
        }
        let outside =
            |it: &AnAccount| [AccountKind::Issuance, AccountKind::Burn].contains(&it.kind);
        let circulating: i64 = self
            .accounts
            .values()
            .filter(|it| it.asset == leg.asset && !outside(it))
            .map(|it| it.balance)
            .sum();
        let moves =
            matches!(phase, Phase::Single | Phase::Capture | Phase::Refund | Phase::Reversal);
        if moves && outside(from) && !outside(to) {
            let room = asset.cap.map(|cap| cap - circulating);
            if let Some(room) = room.filter(|room| *room < amount) {
                no.push(Refusal::SupplyCapExceeded { leg: n, room });
            }
        }
        lowest(no)?;

        let from = self.accounts.get_mut(&debit).unwrap();
        if moves {
            from.balance -= amount;
        }
        from.going += pending(phase, amount);
        if matches!(phase, Phase::Single | Phase::Hold) {
            from.outs.values_mut().for_each(|outs| outs.push((at, amount)));
        }
        let to = self.accounts.get_mut(&credit).unwrap();
        if moves {
            to.balance += amount;
        }
        to.coming += pending(phase, amount);
        let id = TransferId { transaction: tx.id, leg: number };
        let asset = leg.asset;
        if phase == Phase::Hold {
            let state = HoldState::Open;
            self.holds.insert(id, Held { asset, debit, credit, left: amount, state, ends });
        }
        let (returned, undone) = (0, false);
        self.transfers.insert(id, Moved { asset, debit, credit, amount, phase, returned, undone });
        Ok(self.log(asset))
    }

    /// The transaction that a refund comes to.
    fn resolve(&self, refund: &Refund) -> Result<Transaction, Refusal> {
        let all: Vec<_> =
            self.transfers.iter().filter(|(id, _)| id.transaction == refund.of).collect();
        if all.is_empty() {
            return Err(Refusal::OriginalNotFound { leg: 0 });
        }
        let mut of = all;
        of.retain(|(_, it)| matches!(it.phase, Phase::Single | Phase::Capture));
        of.retain(|(_, it)| {
            !refund.keep_fees || self.accounts[&it.credit].kind != AccountKind::Fees
        });
        let Some((_, first)) = of.first() else {
            return Err(Refusal::NotReversible { leg: 0 });
        };
        let left: Vec<i64> = of.iter().map(|(_, it)| it.amount - it.returned).collect();
        let refundable = left.iter().sum();
        let parts = match refund.amount {
            None => left,
            Some(_)
                if of.iter().any(|(_, it)| (it.asset, it.debit) != (first.asset, first.debit)) =>
            {
                return Err(Refusal::NotReversible { leg: 0 });
            }
            Some(amount) if amount > refundable => {
                return Err(Refusal::RefundExceedsOriginal { leg: 0, refundable });
            }
            Some(amount) => shares(amount, &left),
        };
        let mut tx = Transaction::new(refund.id, refund.kind);
        for ((id, it), part) in of.into_iter().zip(parts).rev().filter(|(_, part)| *part > 0) {
            let action = Action::Refund { of: *id, shortfall: refund.shortfall };
            let (debit, credit) = (it.credit, it.debit);
            tx.legs.push(Leg { asset: it.asset, debit, credit, amount: part, action });
        }
        match tx.legs.is_empty() {
            true => Err(Refusal::RefundExceedsOriginal { leg: 0, refundable: 0 }),
            false => Ok(tx),
        }
    }

    /// Gives up what is due, and forgets what was refused long ago.
    pub(crate) fn tick(&mut self) -> Vec<Answer> {
        let now = self.now;
        let ends = |it: &Held| it.ends.filter(|ends| it.state == HoldState::Open && *ends <= now);
        let mut due: Vec<_> =
            self.holds.iter().filter_map(|(id, it)| Some((ends(it)?, *id))).collect();
        due.sort();
        for (_, id) in &due {
            let it = self.holds.get_mut(id).unwrap();
            it.state = HoldState::Expired;
            let (amount, asset) = (std::mem::take(&mut it.left), it.asset);
            let (debit, credit) = (it.debit, it.credit);
            self.accounts.get_mut(&debit).unwrap().going -= amount;
            self.accounts.get_mut(&credit).unwrap().coming -= amount;
            self.log(asset);
        }
        let all = self.remembered.len();
        self.remembered.retain(|_, until| *until > now);
        self.requests
            .retain(|_, (_, said)| !matches!(said, Said::Refused(_, until) if *until <= now));
        vec![Answer::Due(due.len() + all - self.remembered.len())]
    }

    pub(crate) fn freeze(&mut self, id: AccountId, frozen: (bool, bool)) -> Vec<Answer> {
        self.change(id, |it| std::mem::replace(&mut it.frozen, frozen) != frozen)
    }

    pub(crate) fn reopen(&mut self, id: AccountId) -> Vec<Answer> {
        self.change(id, |it| std::mem::take(&mut it.closed))
    }

    pub(crate) fn limit(&mut self, id: AccountId, limits: Limits) -> Vec<Answer> {
        if let Some(it) = self.accounts.get(&id) {
            let it = AnAccount { limits: limits.clone(), ..it.clone() };
            if it.available().is_some_and(|it| it < 0) || it.room().is_some_and(|it| it < 0) {
                return vec![Answer::Refused(Refusal::OutsideLimits)];
            }
        }
        self.change(id, |it| {
            it.limits = limits;
            it.keep_rules();
            true
        })
    }

    pub(crate) fn close(
        &mut self,
        id: AccountId,
        rest: Option<(AccountId, TransactionId, Kind)>,
    ) -> Vec<Answer> {
        let Some(it) = self.accounts.get(&id).cloned() else {
            return vec![Answer::Refused(Refusal::NotFound)];
        };
        let balance = it.balance;
        let not_empty = || vec![Answer::Refused(Refusal::CloseNonZero { balance })];
        if it.closed {
            return vec![Answer::Done];
        }
        if it.going != 0 || it.coming != 0 {
            return vec![Answer::Refused(Refusal::CloseHasHolds)];
        }
        if let Some((to, transaction, kind)) = rest.filter(|_| balance > 0) {
            let leg = Leg::transfer(it.asset, id, to, balance);
            match self.post(&Transaction::new(transaction, kind).leg(leg)).as_slice() {
                [Answer::Outcome(Outcome::Posted(_))] => {}
                [Answer::Outcome(Outcome::Replayed(_))] => return not_empty(),
                no => return no.to_vec(),
            }
        } else if balance != 0 {
            return not_empty();
        }
        self.change(id, |it| !std::mem::replace(&mut it.closed, true))
    }

    pub(crate) fn close_period(&mut self, code: AssetCode, until: i64) -> Vec<Answer> {
        let now = self.now;
        let it = self.assets.get_mut(&code).unwrap();
        if until > now || it.closed_until.is_some_and(|before| until < before) {
            return vec![Answer::Refused(Refusal::BadTimestamp)];
        }
        if it.closed_until.replace(until) != Some(until) {
            self.log(code);
        }
        vec![Answer::Done]
    }

    /// An entry of the log, if `change` changes something.
    fn change(
        &mut self,
        id: AccountId,
        change: impl FnOnce(&mut AnAccount) -> bool,
    ) -> Vec<Answer> {
        let Some(it) = self.accounts.get_mut(&id) else {
            return vec![Answer::Refused(Refusal::NotFound)];
        };
        let asset = it.asset;
        if change(it) {
            self.log(asset);
        }
        vec![Answer::Done]
    }
}

impl AnAccount {
    pub(crate) fn available(&self) -> Option<i64> {
        self.limits.floor.then(|| self.balance - self.going + self.limits.credit_limit)
    }

    fn room(&self) -> Option<i64> {
        self.limits.ceiling.map(|most| most - self.balance - self.coming)
    }

    /// What went out is remembered for rules that stay.
    fn keep_rules(&mut self) {
        let mut before = std::mem::take(&mut self.outs);
        for rule in &self.limits.velocity {
            let key = (rule.name, rule.window);
            self.outs.insert(key, before.remove(&key).unwrap_or_default());
        }
    }

    fn too_fast(&self, leg: u8, amount: i64, at: i64) -> Option<Refusal> {
        self.limits.velocity.iter().find_map(|rule| {
            let width = rule.window.as_micros() as i64;
            let window = at.div_euclid(width);
            let outs = self.outs[&(rule.name, rule.window)].iter();
            let outs = outs.filter(|(at, _)| at.div_euclid(width) == window);
            let (count, sum) = outs.fold((1, amount), |(n, sum), (_, it)| (n + 1, sum + it));
            let broken = rule.count_max.is_some_and(|most| count > most)
                || rule.sum_max.is_some_and(|most| sum > most);
            let retry_after = Duration::from_micros(((window + 1) * width - at) as u64);
            broken.then_some(Refusal::VelocityExceeded { leg, rule: rule.name, retry_after })
        })
    }
}

/// What a step may have wrong with it in itself.
fn malformed(tx: &Transaction) -> Option<Refusal> {
    (0..).zip(&tx.legs).find_map(|(n, leg)| {
        let is_cover = |id: AccountId| {
            matches!(leg.action, Action::Refund { shortfall: Shortfall::Cover(by), .. } if by == id)
        };
        if leg.debit == leg.credit {
            return Some(Refusal::SameAccount { leg: n });
        }
        let is_side = is_cover(leg.debit) || is_cover(leg.credit);
        is_side.then_some(Refusal::InvalidCombination { leg: n })
    })
}

/// The reason with the lowest number, the first of them.
fn lowest(no: Vec<Refusal>) -> Result<(), Refusal> {
    no.into_iter().min_by_key(Refusal::number).map_or(Ok(()), Err)
}

fn pending(phase: Phase, amount: i64) -> i64 {
    match phase {
        Phase::Hold => amount,
        Phase::Capture | Phase::Void | Phase::Expiry => -amount,
        Phase::Single | Phase::Refund | Phase::Reversal => 0,
    }
}

/// By the largest remainder; of equal ones the first.
fn shares(amount: i64, left: &[i64]) -> Vec<i64> {
    let total: i64 = left.iter().sum();
    let mut shares: Vec<i64> = left.iter().map(|it| amount * it / total).collect();
    let mut rounded_up = vec![false; left.len()];
    while shares.iter().sum::<i64>() < amount {
        let remainder = |n: &usize| amount * left[*n] % total;
        let open = (0..left.len()).rev().filter(|n| !rounded_up[*n]);
        let next = open.max_by_key(remainder).unwrap();
        shares[next] += 1;
        rounded_up[next] = true;
    }
    shares
}

/// The first field that differs.
fn differ(first: &Request, new: &Request) -> Field {
    let found = match (first, new) {
        (Request::Post(a), Request::Post(b)) => fields(a, b),
        (Request::Refund(a), Request::Refund(b)) => refund_fields(a, b),
        _ => return Field::Legs,
    };
    found.into_iter().find(|(same, _)| !same).unwrap().1
}

/// The fields that may be named, where what was asked for is known by what was posted of it.
fn differ_from_posted(first: &Request, new: &Request) -> Vec<Field> {
    match (first, new) {
        (Request::Post(a), Request::Post(b)) => {
            let field = differ(first, new);
            let is_telling = |leg: &Leg| match leg.action {
                Action::Void { .. } | Action::Capture { .. } => false,
                Action::Refund { shortfall, .. } => shortfall == Shortfall::Reject,
                Action::Transfer | Action::Hold { .. } | Action::Reverse { .. } => true,
            };
            let is_head = fields(a, b).iter().take(6).any(|(same, _)| !same);
            match is_head || a.legs.iter().chain(&b.legs).all(is_telling) {
                true => vec![field],
                false => vec![field, Field::Legs, Field::Amount, Field::Action],
            }
        }
        (Request::Refund(a), Request::Refund(b)) => {
            let heads = refund_fields(a, b).into_iter().take(3).find(|(same, _)| !same);
            vec![heads.map_or(Field::Amount, |(_, field)| field)]
        }
        (Request::Post(_), Request::Refund(_)) => vec![Field::Of, Field::Kind, Field::Amount],
        (Request::Refund(_), Request::Post(_)) => Field::ALL.to_vec(),
    }
}

fn refund_fields(a: &Refund, b: &Refund) -> Vec<(bool, Field)> {
    vec![
        (a.of == b.of, Field::Of),
        (a.kind == b.kind, Field::Kind),
        (a.user == b.user, Field::User),
        (a.amount == b.amount, Field::Amount),
        (a == b, Field::Action),
    ]
}

fn fields(a: &Transaction, b: &Transaction) -> Vec<(bool, Field)> {
    let mut fields = vec![
        (a.kind == b.kind, Field::Kind),
        (a.user == b.user, Field::User),
        (a.reference == b.reference, Field::Reference),
        (a.metadata == b.metadata, Field::Metadata),
        (a.memo == b.memo, Field::Memo),
        (a.effective_at == b.effective_at, Field::EffectiveAt),
        (a.legs.len() == b.legs.len(), Field::Legs),
    ];
    for (a, b) in a.legs.iter().zip(&b.legs) {
        fields.extend([
            (a.asset == b.asset, Field::Asset),
            (a.debit == b.debit, Field::Debit),
            (a.credit == b.credit, Field::Credit),
            (a.amount == b.amount, Field::Amount),
            (a.action == b.action, Field::Action),
        ]);
    }
    fields
}
