use serde::{Deserialize, Serialize};

use super::canonical::Canonical;
use super::post::{earlier_rejection, post_resolved, posted, reject};
use super::{
    AMOUNT_MAX, Account, AccountKind, Field, Kind, Leg, Outcome, Refusal, Rejection, Request,
    Returned, Shortfall, Transaction, TransactionId, Transfer, split,
};
use crate::engine::Ctx;
use crate::identity::UserId;
use crate::record::{Digest, Json, Stored as _};
use crate::storage::{Draft, Missing, Stop};

/// Gives back a transaction, or a part of it: what each account got, in proportion.
///
/// A part can be given back of a transaction whose transfers are of one asset and come from one
/// account; of any other, all that has not been given back yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// Its id, as with a [`Transaction`].
    pub id: TransactionId,
    /// What is given back.
    pub of: TransactionId,
    /// What it is in the domain's words, such as `refund`.
    pub kind: Kind,
    /// How much; all that has not been given back, when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Whether fees are kept: what went to accounts of [`AccountKind::Fees`].
    #[serde(default)]
    pub keep_fees: bool,
    /// What is done when whoever has to give it back has less.
    #[serde(default)]
    pub shortfall: Shortfall,
    /// On whose behalf, if it is somebody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// A transfer that may be given back, and what is left of it.
struct Original {
    transfer: Transfer,
    left: i64,
}

/// Gives back a transaction with the changeset of whatever command calls it: see [`post`](super::post()).
///
/// # Errors
/// [`Missing`], or why not.
pub fn refund(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    request: &Refund,
) -> Result<Outcome, Stop<Refusal>> {
    request.check()?;
    draft.need([
        Transfer::own((request.id, 0)),
        Rejection::own(request.id),
        Transfer::share((request.of, 0)),
    ])?;
    let fingerprint = request.fingerprint();
    if let Some(first) = draft.look::<Transfer>((request.id, 0))? {
        return match first.fingerprint == fingerprint {
            true => Ok(Outcome::Replayed(first.receipt())),
            false => Err(Refusal::IdConflict { field: request.differs_from_posted(first) }.into()),
        };
    }
    if let Some(earlier) = earlier_rejection(draft, ctx, request.id)? {
        return match &earlier.request {
            _ if earlier.fingerprint == fingerprint => Err(earlier.refusal.0.clone().into()),
            Json(Request::Refund(earlier)) => {
                Err(Refusal::IdConflict { field: request.differs(earlier) }.into())
            }
            Json(Request::Post(_)) => Err(Refusal::IdConflict { field: Field::Legs }.into()),
        };
    }
    let receipt = request
        .resolve(draft)
        .and_then(|transaction| post_resolved(draft, ctx, &transaction, fingerprint));
    match receipt {
        Ok(receipt) => Ok(Outcome::Posted(receipt)),
        Err(Stop::Missing(missing)) => Err(missing.into()),
        Err(Stop::Refused(refusal)) => {
            let body = Request::Refund(request.clone());
            reject(draft, ctx, request.id, fingerprint, body, &refusal)?;
            Err(refusal.into())
        }
    }
}

impl Refund {
    /// All of a transaction, fees included.
    pub const fn all(id: TransactionId, of: TransactionId, kind: Kind) -> Self {
        let (amount, user, shortfall) = (None, None, Shortfall::Reject);
        Self { id, of, kind, amount, keep_fees: false, shortfall, user }
    }

    fn check(&self) -> Result<(), Refusal> {
        let amount = self.amount.unwrap_or(1);
        if self.id.0.is_nil() || self.id.0 == crate::Uuid::max() || self.id == self.of {
            return Err(Refusal::InvalidId);
        }
        if amount <= 0 {
            return Err(Refusal::AmountNotPositive { leg: 0 });
        }
        if amount > AMOUNT_MAX {
            return Err(Refusal::AmountOutOfRange { leg: 0 });
        }
        Ok(())
    }

    pub(super) fn fingerprint(&self) -> Digest {
        let mut to = Canonical::new(b"refund_1");
        to.id(self.id.0).id(self.of.0).fixed(self.kind.bytes());
        to.option(self.amount, Canonical::int).bool(self.keep_fees);
        match self.shortfall {
            Shortfall::Reject => to.byte(0),
            Shortfall::Take => to.byte(1),
            Shortfall::Cover(from) => to.byte(2).id(from.0),
        };
        to.option(self.user, |to, user| to.id(user.0));
        to.hash()
    }

    fn differs(&self, from: &Self) -> Field {
        let fields = [
            (self.of == from.of, Field::Of),
            (self.kind == from.kind, Field::Kind),
            (self.user == from.user, Field::User),
            (self.amount == from.amount, Field::Amount),
        ];
        fields.into_iter().find(|(same, _)| !same).map_or(Field::Action, |(_, field)| field)
    }

    fn differs_from_posted(&self, first: &Transfer) -> Field {
        let fields = [
            (Some(self.of) == first.about, Field::Of),
            (self.kind == first.kind, Field::Kind),
            (self.user == first.user_id, Field::User),
        ];
        fields.into_iter().find(|(same, _)| !same).map_or(Field::Amount, |(_, field)| field)
    }

    /// The transaction that gives back what is asked for, as things stand.
    fn resolve(&self, draft: &Draft<'_>) -> Result<Transaction, Stop<Refusal>> {
        let Some(first) = draft.look::<Transfer>((self.of, 0))? else {
            return Err(Refusal::OriginalNotFound { leg: 0 }.into());
        };
        let transfers = posted(draft, first)?;
        let originals = self.originals(draft, transfers)?;
        if originals.is_empty() {
            return Err(Refusal::NotReversible { leg: 0 }.into());
        }
        let parts = self.parts(&originals)?;
        // What went on from an account comes back to it before that gives back what it got.
        let mut transaction = Transaction::new(self.id, self.kind);
        transaction.user = self.user;
        for (Original { transfer, .. }, part) in originals.iter().zip(parts).rev() {
            if part > 0 {
                let (debit, credit) = (transfer.debit_account, transfer.credit_account);
                let leg = Leg::transfer(transfer.asset, debit, credit, part);
                transaction.legs.push(leg.refund(transfer.id(), part, self.shortfall));
            }
        }
        match transaction.legs.is_empty() {
            true => Err(Refusal::RefundExceedsOriginal { leg: 0, refundable: 0 }.into()),
            false => Ok(transaction),
        }
    }

    fn originals(
        &self,
        draft: &Draft<'_>,
        transfers: Vec<Transfer>,
    ) -> Result<Vec<Original>, Missing> {
        let moved: Vec<_> = transfers.into_iter().filter(|it| it.phase.is_returnable()).collect();
        let keys = moved.iter().map(|it| Returned::own(it.id().key()));
        draft.need(keys.chain(moved.iter().map(|it| Account::own(it.credit_account))))?;
        let mut originals = Vec::new();
        for transfer in moved {
            let credit = draft.look::<Account>(transfer.credit_account)?;
            let is_fee = credit.is_some_and(|it| it.kind == AccountKind::Fees);
            if is_fee && self.keep_fees {
                continue;
            }
            let returned = draft.look::<Returned>(transfer.id().key())?;
            let left = transfer.amount - returned.map_or(0, |it| it.returned);
            originals.push(Original { transfer, left });
        }
        Ok(originals)
    }

    /// How much is given back of each.
    fn parts(&self, originals: &[Original]) -> Result<Vec<i64>, Refusal> {
        let left: Vec<i64> = originals.iter().map(|it| it.left).collect();
        let Some(amount) = self.amount else { return Ok(left) };
        let from = |it: &Original| (it.transfer.asset, it.transfer.debit_account);
        if originals.iter().any(|it| from(it) != from(&originals[0])) {
            return Err(Refusal::NotReversible { leg: 0 });
        }
        let refundable: i128 = left.iter().map(|it| i128::from(*it)).sum();
        if i128::from(amount) > refundable {
            let refundable = i64::try_from(refundable).unwrap_or(i64::MAX);
            return Err(Refusal::RefundExceedsOriginal { leg: 0, refundable });
        }
        split(amount, &left)
    }
}
