//! What a leg comes to, and all reasons against it.

use parlor_core::economy::ledger::{
    AccountId, AccountKind, Action, Field, HoldState, Leg, Phase, Refusal, Shortfall, Side,
    Transaction, TransferId,
};

use super::{AnAccount, Held, Model, Moved, Part, lowest, pending};

impl Model {
    /// What a leg comes to, limits not looked at; else the lowest of all reasons against it.
    pub(super) fn leg(&mut self, tx: &Transaction, leg: &Leg, n: u8) -> Result<Vec<Part>, Refusal> {
        lowest(self.what_is_not_there(leg, n))?;
        let at = self.now.max(self.assets[&leg.asset].at + 1);
        lowest(self.why_not_here(tx, leg, n, at))?;
        let part = |phase, amount| Part::of(leg, phase, amount);
        match &leg.action {
            Action::Transfer => Ok(vec![part(Phase::Single, leg.amount)]),
            Action::Hold { expires_in } => {
                let ends = expires_in.map(|it| at + it.as_micros() as i64);
                Ok(vec![Part { ends, ..part(Phase::Hold, leg.amount) }])
            }
            Action::Capture { hold, last } => {
                lowest(self.why_not_resolve(tx, leg, n, *hold, at, true))?;
                let it = self.holds.get_mut(hold).unwrap();
                it.left -= leg.amount;
                it.moved = true;
                let rest = if *last { std::mem::take(&mut it.left) } else { 0 };
                if it.left == 0 {
                    it.state = HoldState::Captured;
                }
                let mut parts = vec![part(Phase::Capture, leg.amount)];
                parts.extend((rest > 0).then(|| part(Phase::Void, rest)));
                Ok(parts)
            }
            Action::Void { hold } => {
                lowest(self.why_not_resolve(tx, leg, n, *hold, at, false))?;
                let it = self.holds.get_mut(hold).unwrap();
                let amount = leg.amount.min(it.left);
                it.left -= amount;
                if it.left == 0 {
                    it.state = if it.moved { HoldState::Captured } else { HoldState::Voided };
                }
                Ok(vec![part(Phase::Void, amount)])
            }
            Action::Refund { of, shortfall } => self.give_back(tx, leg, n, *of, *shortfall),
            Action::Reverse { of } => {
                lowest(self.why_not_return(tx, leg, n, *of, leg.amount, true))?;
                let it = self.transfers.get_mut(of).unwrap();
                (it.returned, it.undone) = (it.amount, true);
                Ok(vec![part(Phase::Reversal, leg.amount)])
            }
        }
    }

    fn what_is_not_there(&self, leg: &Leg, n: u8) -> Vec<Refusal> {
        let mut no = Vec::new();
        for (side, id) in [(Side::Debit, leg.debit), (Side::Credit, leg.credit)] {
            if !self.accounts.contains_key(&id) {
                no.push(Refusal::AccountNotFound { side, leg: n });
            }
        }
        if !self.assets.contains_key(&leg.asset) {
            no.push(Refusal::AssetNotFound { leg: n });
        }
        no
    }

    /// Reasons in the accounts and the asset.
    fn why_not_here(&self, tx: &Transaction, leg: &Leg, n: u8, at: i64) -> Vec<Refusal> {
        let (debit, credit) = (&self.accounts[&leg.debit], &self.accounts[&leg.credit]);
        let asset = &self.assets[&leg.asset];
        let gives_up = matches!(leg.action, Action::Void { .. });
        let mut no = Vec::new();
        for (side, it) in [(Side::Debit, debit), (Side::Credit, credit)] {
            if it.asset != leg.asset {
                no.push(Refusal::AssetMismatch { side, leg: n });
            }
            if it.closed && !gives_up {
                no.push(Refusal::AccountClosed { side, leg: n });
            }
        }
        if credit.frozen.0 && !gives_up {
            no.push(Refusal::AccountFrozenIn { leg: n });
        }
        if debit.frozen.1 && !gives_up {
            no.push(Refusal::AccountFrozenOut { leg: n });
        }
        let effective = tx.effective_at.map_or(at, |it| it.0);
        if asset.closed_until.is_some_and(|until| effective < until) && !gives_up {
            no.push(Refusal::PeriodSealed { leg: n });
        }
        let personal = |it: &AnAccount| {
            [AccountKind::Wallet, AccountKind::Earnings, AccountKind::Promo].contains(&it.kind)
        };
        let is_gift = personal(debit) && personal(credit) && debit.owner != credit.owner;
        let is_new = matches!(leg.action, Action::Transfer | Action::Hold { .. });
        if is_gift && is_new && !asset.transferable {
            no.push(Refusal::AssetNotTransferable { leg: n });
        }
        no
    }

    fn why_not_resolve(
        &self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        id: TransferId,
        at: i64,
        captures: bool,
    ) -> Vec<Refusal> {
        let Some(hold) = self.holds.get(&id) else {
            // What the transaction itself moves has not been moved yet.
            return match self.transfers.contains_key(&id) && id.transaction != tx.id {
                true => vec![Refusal::NotAHold { leg: n }],
                false => vec![Refusal::HoldNotFound { leg: n }],
            };
        };
        let mut no = Vec::new();
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
        no
    }

    fn give_back(
        &mut self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        of: TransferId,
        shortfall: Shortfall,
    ) -> Result<Vec<Part>, Refusal> {
        let available = self.accounts[&leg.debit].available();
        let there = available.map_or(leg.amount, |it| it.clamp(0, leg.amount));
        let (own, cover) = match shortfall {
            Shortfall::Reject => (leg.amount, None),
            Shortfall::Take => (there.max(1), None),
            Shortfall::Cover(by) => (there, Some((by, leg.amount - there))),
        };
        let cover = cover.filter(|(_, amount)| *amount > 0);
        let total = own + cover.map_or(0, |(_, amount)| amount);
        let mut no = cover.map_or_else(Vec::new, |(by, _)| self.why_not_cover(leg, n, by));
        no.extend(self.why_not_return(tx, leg, n, of, total, false));
        lowest(no)?;
        self.transfers.get_mut(&of).unwrap().returned += total;
        let part = |amount| Part::of(leg, Phase::Refund, amount);
        let own = (own > 0).then(|| part(own));
        let cover = cover.map(|(debit, amount)| Part { debit, ..part(amount) });
        Ok(own.into_iter().chain(cover).collect())
    }

    fn why_not_cover(&self, leg: &Leg, n: u8, by: AccountId) -> Vec<Refusal> {
        let side = Side::Debit;
        let Some(it) = self.accounts.get(&by) else {
            return vec![Refusal::AccountNotFound { side, leg: n }];
        };
        let reasons = [
            (it.asset != leg.asset, Refusal::AssetMismatch { side, leg: n }),
            (it.closed, Refusal::AccountClosed { side, leg: n }),
            (it.frozen.1, Refusal::AccountFrozenOut { leg: n }),
        ];
        reasons.into_iter().filter(|(is_so, _)| *is_so).map(|(_, no)| no).collect()
    }

    fn why_not_return(
        &self,
        tx: &Transaction,
        leg: &Leg,
        n: u8,
        of: TransferId,
        amount: i64,
        undoes: bool,
    ) -> Vec<Refusal> {
        let it = self.transfers.get(&of).filter(|_| of.transaction != tx.id);
        let Some(it) = it else { return vec![Refusal::OriginalNotFound { leg: n }] };
        let mut no = Vec::new();
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
        no
    }

    /// All limits that stand against a part; else it is as it says.
    pub(super) fn go(
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
            self.holds
                .insert(id, Held { asset, debit, credit, left: amount, moved: false, state, ends });
        }
        let (returned, undone) = (0, false);
        self.transfers.insert(id, Moved { asset, debit, credit, amount, phase, returned, undone });
        Ok(self.log(asset))
    }
}
