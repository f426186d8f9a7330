use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::canonical::Canonical;
use super::{
    Account, AccountId, Asset, AssetCode, Field, Hold, Kind, Memo, Phase, Refusal, Rejection,
    Returned, TransactionId, Transfer, TransferId,
};
use crate::Uuid;
use crate::identity::UserId;
use crate::record::{Digest, Stored as _, Timestamp};
use crate::storage::Need;

/// The most legs a transaction has.
pub const LEGS_MAX: usize = 64;
/// The most that one leg moves: every whole number up to it is one in JSON, too.
pub const AMOUNT_MAX: i64 = (1 << 53) - 1;
/// The longest [`Transaction::reference`], in bytes.
pub const REFERENCE_BYTES_MAX: usize = 128;
/// The longest [`Transaction::metadata`], in bytes.
pub const METADATA_BYTES_MAX: usize = 1_024;
/// The longest [`Transaction::memo`], in bytes.
pub const MEMO_BYTES_MAX: usize = 1_024;
const HOLD_MIN: Duration = Duration::from_secs(1);
const HOLD_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What is to be moved, reserved or given back: legs that stand or fall together.
///
/// ```
/// use parlor_core::Uuid;
/// use parlor_core::economy::ledger::{AccountId, AssetCode, Kind, Leg, Transaction};
///
/// let [ada, ben, fees] = [1, 2, 3].map(|n| AccountId(Uuid::from_u128(n)));
/// let coin = AssetCode::of("COIN");
/// let id = Uuid::from_u128(4).into(); // a retry names the same one
/// let tip = Transaction::new(id, Kind::of("tip"))
///     .leg(Leg::transfer(coin, ada, ben, 95))
///     .leg(Leg::transfer(coin, ada, fees, 5));
/// assert_eq!(tip.legs.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Its id, chosen by whoever asks for it: the same request under the same id takes effect once.
    pub id: TransactionId,
    /// What it is in the domain's words.
    pub kind: Kind,
    /// What it does: 1 to [`LEGS_MAX`] legs, in this order.
    pub legs: Vec<Leg>,
    /// On whose behalf, if it is somebody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What a payment provider calls it: 1 to [`REFERENCE_BYTES_MAX`] visible ASCII characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the host keeps with it for good, such as JSON: 1 to [`METADATA_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// What a person wrote with it: 1 to [`MEMO_BYTES_MAX`] bytes. It can be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// When it took effect, if that was before now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
}

/// One leg of a transaction: an amount, from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// What is moved. Both accounts are of it.
    pub asset: AssetCode,
    /// Where it comes from.
    pub debit: AccountId,
    /// Where it goes to.
    pub credit: AccountId,
    /// How much, in the asset's smallest unit: 1 to [`AMOUNT_MAX`].
    pub amount: i64,
    /// What is done with it.
    #[serde(default)]
    pub action: Action,
}

/// What a leg does with its amount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Action {
    /// Moves it.
    #[default]
    Transfer,
    /// Reserves it.
    Hold {
        /// For how long: 1 s to 400 days; for good, when it does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_in: Option<Duration>,
    },
    /// Moves what is reserved, or a part of it. Asset and accounts are those of the hold.
    Capture {
        /// The hold.
        hold: TransferId,
        /// What is left of it then is given up.
        #[serde(default)]
        last: bool,
    },
    /// Gives up what is reserved, `amount` at most. Asset and accounts are those of the hold.
    Void {
        /// The hold.
        hold: TransferId,
    },
    /// Gives back what was moved, or a part of it. Asset and accounts are those of the original, the
    /// other way round.
    Refund {
        /// The original.
        of: TransferId,
        /// What is done when whoever has to give it back has less.
        #[serde(default)]
        shortfall: Shortfall,
    },
    /// Undoes what was moved, all of it, of which nothing was given back before. As with a refund.
    Reverse {
        /// The original.
        of: TransferId,
    },
}

/// What is done when whoever has to give something back has less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "then", content = "from")]
pub enum Shortfall {
    /// Nothing is given back.
    #[default]
    Reject,
    /// What is there is given back; if that is nothing, it is refused.
    Take,
    /// What is missing comes from this account, such as one for disputes.
    Cover(AccountId),
}

impl Leg {
    /// Moves an amount.
    pub const fn transfer(
        asset: AssetCode,
        debit: AccountId,
        credit: AccountId,
        amount: i64,
    ) -> Self {
        Self { asset, debit, credit, amount, action: Action::Transfer }
    }

    /// Reserves an amount, for as long as it says.
    pub const fn hold(
        asset: AssetCode,
        debit: AccountId,
        credit: AccountId,
        amount: i64,
        expires_in: Option<Duration>,
    ) -> Self {
        Self { asset, debit, credit, amount, action: Action::Hold { expires_in } }
    }

    /// Moves `amount` of what this leg reserves as transfer `hold`, and keeps the rest.
    #[must_use]
    pub fn capture(&self, hold: TransferId, amount: i64) -> Self {
        Self { amount, action: Action::Capture { hold, last: false }, ..self.clone() }
    }

    /// Moves `amount` of what this leg reserves as transfer `hold`, and gives up the rest.
    #[must_use]
    pub fn capture_last(&self, hold: TransferId, amount: i64) -> Self {
        Self { amount, action: Action::Capture { hold, last: true }, ..self.clone() }
    }

    /// Gives up whatever is left of what this leg reserves as transfer `hold`.
    #[must_use]
    pub fn void(&self, hold: TransferId) -> Self {
        Self { amount: AMOUNT_MAX, action: Action::Void { hold }, ..self.clone() }
    }

    /// Gives back `amount` of what this leg moves as transfer `of`.
    #[must_use]
    pub fn refund(&self, of: TransferId, amount: i64, shortfall: Shortfall) -> Self {
        let (debit, credit) = (self.credit, self.debit);
        Self { asset: self.asset, debit, credit, amount, action: Action::Refund { of, shortfall } }
    }

    /// Undoes what this leg moves as transfer `of`.
    #[must_use]
    pub fn reverse(&self, of: TransferId) -> Self {
        let (debit, credit) = (self.credit, self.debit);
        Self { debit, credit, action: Action::Reverse { of }, ..self.clone() }
    }

    /// The accounts that may change.
    fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let cover = match self.action {
            Action::Refund { shortfall: Shortfall::Cover(cover), .. } => Some(cover),
            _ => None,
        };
        [self.debit, self.credit].into_iter().chain(cover)
    }

    fn check(&self, leg: u8) -> Result<(), Refusal> {
        if self.amount <= 0 {
            return Err(Refusal::AmountNotPositive { leg });
        }
        if self.amount > AMOUNT_MAX {
            return Err(Refusal::AmountOutOfRange { leg });
        }
        if self.debit == self.credit {
            return Err(Refusal::SameAccount { leg });
        }
        match self.action {
            Action::Refund { shortfall: Shortfall::Cover(cover), .. }
                if cover == self.debit || cover == self.credit =>
            {
                Err(Refusal::InvalidCombination { leg })
            }
            Action::Hold { expires_in: Some(time) } if !(HOLD_MIN..=HOLD_MAX).contains(&time) => {
                Err(Refusal::TimeoutNotAllowed { leg })
            }
            _ => Ok(()),
        }
    }

    fn encode(&self, to: &mut Canonical) {
        to.fixed(self.asset.bytes()).id(self.debit.0).id(self.credit.0).int(self.amount);
        let about = |to: &mut Canonical, it: TransferId| {
            to.id(it.transaction.0).byte(it.leg);
        };
        match &self.action {
            Action::Transfer => {
                to.byte(0);
            }
            Action::Hold { expires_in } => {
                let micros = expires_in.map(|it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
                to.byte(1).option(micros, Canonical::int);
            }
            Action::Capture { hold, last } => about(to.byte(2).bool(*last), *hold),
            Action::Void { hold } => about(to.byte(3), *hold),
            Action::Refund { of, shortfall } => {
                about(to.byte(4), *of);
                match shortfall {
                    Shortfall::Reject => to.byte(0),
                    Shortfall::Take => to.byte(1),
                    Shortfall::Cover(cover) => to.byte(2).id(cover.0),
                };
            }
            Action::Reverse { of } => about(to.byte(5), *of),
        }
    }
}

impl Transaction {
    /// A transaction without legs yet.
    pub const fn new(id: TransactionId, kind: Kind) -> Self {
        let (user, reference, metadata, memo, effective_at) = (None, None, None, None, None);
        Self { id, kind, legs: Vec::new(), user, reference, metadata, memo, effective_at }
    }

    /// With one more leg.
    #[must_use]
    pub fn leg(mut self, leg: Leg) -> Self {
        self.legs.push(leg);
        self
    }

    /// On somebody's behalf.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// The n-th of its transfers, from 0.
    pub const fn transfer(&self, leg: u8) -> TransferId {
        TransferId { transaction: self.id, leg }
    }

    /// Whether it is one at all, whatever is in the ledger and whatever time it is.
    ///
    /// # Errors
    /// A [`Refusal`] below 200.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.id.0.is_nil() || self.id.0 == Uuid::max() {
            return Err(Refusal::InvalidId);
        }
        if self.legs.is_empty() {
            return Err(Refusal::NoLegs);
        }
        if self.legs.len() > LEGS_MAX {
            return Err(Refusal::TooManyLegs { max: LEGS_MAX });
        }
        for (n, leg) in (0..).zip(&self.legs) {
            leg.check(n)?;
        }
        let texts = [
            (Field::Reference, &self.reference, REFERENCE_BYTES_MAX),
            (Field::Metadata, &self.metadata, METADATA_BYTES_MAX),
            (Field::Memo, &self.memo, MEMO_BYTES_MAX),
        ];
        let texts = texts.iter().filter_map(|(field, it, max)| Some((*field, it.as_ref()?, *max)));
        if let Some((field, ..)) = texts.clone().find(|(_, text, max)| text.len() > *max) {
            return Err(Refusal::TextTooLong { field });
        }
        if self.effective_at.is_some_and(|at| at < Timestamp::default()) {
            return Err(Refusal::BadTimestamp);
        }
        for (field, text, _) in texts {
            let is_wellformed = match field {
                Field::Reference => text.bytes().all(|b| b.is_ascii_graphic()),
                _ => !text.contains('\0'),
            };
            if text.is_empty() || !is_wellformed {
                return Err(Refusal::TextMalformed { field });
            }
        }
        Ok(())
    }

    /// That it has taken effect by now. It is asked after the id: what was posted stays posted when
    /// the clock is put back.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.effective_at {
            Some(at) if at > now => Err(Refusal::BadTimestamp),
            Some(_) | None => Ok(()),
        }
    }

    /// All rows that it is decided on.
    pub(super) fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::with_capacity(2 + 3 * self.legs.len());
        needs.push(Transfer::own((self.id, 0)));
        needs.push(Rejection::own(self.id));
        for leg in &self.legs {
            needs.push(Asset::own(leg.asset));
            needs.extend(leg.accounts().map(Account::own));
            match leg.action {
                Action::Transfer | Action::Hold { .. } => {}
                Action::Capture { hold, .. } | Action::Void { hold } => {
                    needs.extend([Hold::own(hold.key()), Transfer::share(hold.key())]);
                }
                Action::Refund { of, .. } | Action::Reverse { of } => {
                    needs.extend([Returned::own(of.key()), Transfer::share(of.key())]);
                }
            }
        }
        needs
    }

    /// What tells one request from another under the same id.
    pub(super) fn fingerprint(&self) -> Digest {
        let mut to = Canonical::new(b"request1");
        to.id(self.id.0).fixed(self.kind.bytes());
        to.option(self.user, |to, user| to.id(user.0));
        for text in [&self.reference, &self.metadata, &self.memo] {
            to.option(text.as_deref(), Canonical::text);
        }
        to.option(self.effective_at, Canonical::time);
        to.int(self.legs.len() as i64);
        for leg in &self.legs {
            leg.encode(&mut to);
        }
        to.hash()
    }

    /// The first field in which it differs from another request under the same id, which was refused
    /// and is kept without its memo: its fingerprint tells whether that was the same.
    pub(super) fn differs_from_refused(&self, from: &Self, fingerprint: Digest) -> Field {
        let with_memo = Self { memo: self.memo.clone(), ..from.clone() };
        let same_memo = with_memo.fingerprint() == fingerprint;
        let heads = [
            (self.kind == from.kind, Field::Kind),
            (self.user == from.user, Field::User),
            (self.reference == from.reference, Field::Reference),
            (self.metadata == from.metadata, Field::Metadata),
            (same_memo, Field::Memo),
            (self.effective_at == from.effective_at, Field::EffectiveAt),
            (self.legs.len() == from.legs.len(), Field::Legs),
        ];
        let legs = self.legs.iter().zip(&from.legs).flat_map(|(leg, from)| {
            [
                (leg.asset == from.asset, Field::Asset),
                (leg.debit == from.debit, Field::Debit),
                (leg.credit == from.credit, Field::Credit),
                (leg.amount == from.amount, Field::Amount),
                (leg.action == from.action, Field::Action),
            ]
        });
        let mut all = heads.into_iter().chain(legs);
        all.find(|(same, _)| !same).map_or(Field::Legs, |(_, field)| field)
    }

    /// The first field in which it differs from what was posted under the same id, of which `memo`
    /// may have been erased. Where one leg became several transfers, that is the legs.
    pub(super) fn differs_from_posted(&self, posted: &[Transfer], memo: Option<&Memo>) -> Field {
        let Some(first) = posted.first() else { return Field::Legs };
        let is_erased = first.memo.is_some() && memo.is_none();
        let same_memo = match is_erased {
            true => self.memo.is_some(),
            false => self.memo.as_ref() == memo.map(|it| &it.text),
        };
        let effective_at = self.effective_at.unwrap_or(first.at);
        let heads = [
            (self.kind == first.kind, Field::Kind),
            (self.user == first.user_id, Field::User),
            (self.reference == first.reference, Field::Reference),
            (self.metadata == first.metadata, Field::Metadata),
            (same_memo, Field::Memo),
            (effective_at == first.effective_at, Field::EffectiveAt),
            (self.legs.len() == posted.len(), Field::Legs),
        ];
        let legs = || self.legs.iter().zip(posted);
        let fields = legs().flat_map(|(leg, posted)| {
            [
                (leg.asset == posted.asset, Field::Asset),
                (leg.debit == posted.debit_account, Field::Debit),
                (leg.credit == posted.credit_account, Field::Credit),
                (leg.amount == posted.amount || leg.is_cut_to(posted), Field::Amount),
                (leg.did(posted), Field::Action),
            ]
        });
        let mut all = heads.into_iter().chain(fields);
        // Where nothing that was posted differs, it is what the log does not have: whether a time was
        // asked for, the memo that was erased, more than there was to move, or what would have been
        // done in other circumstances.
        let unseen = || {
            let asked = self.effective_at.is_none().then_some(first.effective_at);
            if (Self { effective_at: asked, ..self.clone() }).fingerprint() == first.fingerprint {
                Field::EffectiveAt
            } else if is_erased {
                Field::Memo
            } else if legs().any(|(leg, posted)| leg.is_cut_to(posted)) {
                Field::Amount
            } else {
                Field::Action
            }
        };
        let field = all.find(|(same, _)| !same).map_or_else(unseen, |(_, field)| field);
        let is_of_a_leg =
            matches!(field, Field::Asset | Field::Debit | Field::Credit | Field::Amount);
        let is_spread = posted.windows(2).any(|two| two[1].may_be_of_the_leg_of(&two[0]));
        if is_of_a_leg && is_spread { Field::Legs } else { field }
    }
}

impl Leg {
    /// Whether it may have asked for more than was posted of it.
    fn is_cut_to(&self, posted: &Transfer) -> bool {
        let takes_less = matches!(
            self.action,
            Action::Void { .. } | Action::Refund { shortfall: Shortfall::Take, .. }
        );
        takes_less && posted.amount < self.amount
    }

    /// Whether that is what was done, as far as the log tells.
    fn did(&self, posted: &Transfer) -> bool {
        match self.action {
            Action::Transfer => posted.phase == Phase::Single,
            Action::Hold { expires_in } => {
                let expires_at = expires_in.map(|time| posted.at + time);
                posted.phase == Phase::Hold && posted.expires_at == expires_at
            }
            Action::Capture { hold, .. } => is_about(posted, Phase::Capture, hold),
            Action::Void { hold } => is_about(posted, Phase::Void, hold),
            Action::Refund { of, .. } => is_about(posted, Phase::Refund, of),
            Action::Reverse { of } => is_about(posted, Phase::Reversal, of),
        }
    }
}

fn is_about(posted: &Transfer, phase: Phase, about: TransferId) -> bool {
    posted.phase == phase
        && posted.about == Some(about.transaction)
        && posted.about_leg == Some(about.leg)
}
