//! The one way in: what is malformed is refused, what was said before is said again, and the rest is
//! posted or refused for good.

use serde::{Deserialize, Serialize};

use super::posting::Posting;
use super::{
    AssetCode, Field, Memo, Phase, Refund, Refusal, Rejection, Transaction, TransactionId,
    Transfer, TransferId,
};
use crate::engine::Ctx;
use crate::record::{Digest, Json, Stored as _, Timestamp};
use crate::storage::{Draft, Missing, Stop};
/// What was asked for under an id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// To post this.
    Post(Transaction),
    /// To give this back.
    Refund(Refund),
}

/// That a transaction was posted. A retry is given the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The transaction.
    pub transaction: TransactionId,
    /// The asset of its first transfer.
    pub asset: AssetCode,
    /// The number of its first transfer in the log of that asset.
    pub seq: i64,
    /// When that was posted.
    pub at: Timestamp,
    /// How many transfers it has.
    pub legs: u8,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It was posted.
    Posted(Receipt),
    /// It had been posted before, and this is what was said then.
    Replayed(Receipt),
}

impl Outcome {
    /// What was said when it was posted.
    pub const fn receipt(self) -> Receipt {
        match self {
            Self::Posted(receipt) | Self::Replayed(receipt) => receipt,
        }
    }
}

/// Posts a transaction, with the changeset of whatever command calls it.
///
/// It asks for all rows at once: a command that names its own needs beforehand is run once more.
/// Checks come in the order of [`Refusal::number`]: what is malformed, then the id, then how things
/// stand, leg by leg. Only whether it has taken effect by now is asked after the id, so that a retry
/// is one even when the clock is put back. A refusal for how things stand is recorded under the id,
/// even though the command is refused with it.
///
/// # Errors
/// [`Missing`], or why not.
pub fn post(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    transaction: &Transaction,
) -> Result<Outcome, Stop<Refusal>> {
    transaction.check()?;
    draft.need(transaction.needs())?;
    let fingerprint = transaction.fingerprint();
    if let Some(receipt) = replay(draft, ctx, transaction, fingerprint)? {
        return Ok(Outcome::Replayed(receipt));
    }
    transaction.check_time(ctx.now)?;
    match Posting::new(ctx, fingerprint).run(draft, transaction) {
        Ok(receipt) => Ok(Outcome::Posted(receipt)),
        Err(Stop::Missing(missing)) => Err(missing.into()),
        Err(Stop::Refused(refusal)) => {
            let request = Request::Post(Transaction { memo: None, ..transaction.clone() });
            reject(draft, ctx, transaction.id, fingerprint, request, &refusal)?;
            Err(refusal.into())
        }
    }
}

/// As [`post`], for what a request comes to: the request's fingerprint is the one that counts.
pub(super) fn post_resolved(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    transaction: &Transaction,
    fingerprint: Digest,
) -> Result<Receipt, Stop<Refusal>> {
    transaction.check()?;
    draft.need(transaction.needs())?;
    Posting::new(ctx, fingerprint).run(draft, transaction)
}

/// What was said of this id before, if anything was.
fn replay(
    draft: &Draft<'_>,
    ctx: &Ctx,
    transaction: &Transaction,
    fingerprint: Digest,
) -> Result<Option<Receipt>, Stop<Refusal>> {
    let id = transaction.id;
    let differs = |field| Stop::Refused(Refusal::IdConflict { field });
    if let Some(first) = draft.look::<Transfer>((id, 0))? {
        return match first.fingerprint == fingerprint {
            true => Ok(Some(first.receipt())),
            false => {
                draft.need([Memo::share(id)])?;
                let memo = draft.look::<Memo>(id)?;
                let transfers = posted(draft, first)?;
                Err(differs(transaction.differs_from_posted(&transfers, memo)))
            }
        };
    }
    match earlier_rejection(draft, ctx, id)? {
        Some(earlier) if earlier.fingerprint == fingerprint => {
            Err(Stop::Refused(earlier.refusal.0.clone()))
        }
        Some(Rejection { request: Json(Request::Post(earlier)), fingerprint, .. }) => {
            Err(differs(transaction.differs_from_refused(earlier, *fingerprint)))
        }
        Some(_) => Err(differs(Field::Legs)),
        None => Ok(None),
    }
}

/// All transfers of a transaction.
pub(super) fn posted(draft: &Draft<'_>, first: &Transfer) -> Result<Vec<Transfer>, Missing> {
    let keys = (0..first.legs).map(|leg| (first.transaction_id, leg));
    draft.need(keys.clone().map(Transfer::share))?;
    let rows = keys.map(|key| draft.get::<Transfer>(key));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The refusal that is remembered under an id.
pub(super) fn earlier_rejection<'d>(
    draft: &'d Draft<'_>,
    ctx: &Ctx,
    id: TransactionId,
) -> Result<Option<&'d Rejection>, Missing> {
    Ok(draft.look::<Rejection>(id)?.filter(|earlier| ctx.now < earlier.expires_at))
}

/// Remembers a refusal for how things stand, so that a retry is told the same.
pub(super) fn reject(
    draft: &mut Draft<'_>,
    ctx: &Ctx,
    id: TransactionId,
    fingerprint: Digest,
    request: Request,
    refusal: &Refusal,
) -> Result<(), Missing> {
    if !refusal.is_sticky() {
        return Ok(());
    }
    let mut rejection = Rejection {
        transaction_id: id,
        fingerprint,
        request: Json(request),
        refusal: Json(refusal.clone()),
        at: ctx.now,
        expires_at: ctx.now + ctx.settings.rejection_ttl,
        digest: Digest([0; 32]),
    };
    rejection.digest = rejection.hash();
    draft.record(rejection)
}

impl Transfer {
    /// The receipt of the transaction whose first transfer this is.
    pub(super) const fn receipt(&self) -> Receipt {
        let (transaction, asset, seq) = (self.transaction_id, self.asset, self.seq);
        Receipt { transaction, asset, seq, at: self.at, legs: self.legs }
    }

    /// Its id.
    pub const fn id(&self) -> TransferId {
        TransferId { transaction: self.transaction_id, leg: self.leg }
    }

    /// Whether one leg may have become the transfer before and this one: a last capture and what it
    /// gave up, or a refund and what covered the rest of it.
    pub(super) fn may_be_of_the_leg_of(&self, before: &Self) -> bool {
        let is_rest = (before.phase, self.phase) == (Phase::Capture, Phase::Void);
        let is_cover = (before.phase, self.phase) == (Phase::Refund, Phase::Refund)
            && before.debit_account != self.debit_account;
        self.about() == before.about() && (is_rest || is_cover)
    }

    /// The transfer it resolves or gives back.
    pub fn about(&self) -> Option<TransferId> {
        let (transaction, leg) = self.about.zip(self.about_leg)?;
        Some(TransferId { transaction, leg })
    }
}
impl Rejection {
    /// The hash of all but itself.
    pub(super) fn hash(&self) -> Digest {
        let (Json(request), Json(refusal)) = (&self.request, &self.refusal);
        let request = match request {
            Request::Post(it) => it.fingerprint(),
            Request::Refund(it) => it.fingerprint(),
        };
        let refusal = serde_json::to_string(refusal).expect("a refusal has no maps");
        let mut to = super::canonical::Canonical::new(b"refusal1");
        to.id(self.transaction_id.0).fixed(&self.fingerprint.0).fixed(&request.0);
        to.text(&refusal).time(self.at).time(self.expires_at);
        to.hash()
    }
}

impl Memo {
    /// What the log has of it.
    pub fn hash(&self) -> Digest {
        let mut to = super::canonical::Canonical::new(b"memo___1");
        to.fixed(&self.salt.0).text(&self.text);
        to.hash()
    }
}
