//! What a host does with the ledger. All of it is internal: the verbs of people, such as tips, are
//! commands of their own that post.

use serde::{Deserialize, Serialize};

use super::change::{change_account, change_asset};
use super::{
    AMOUNT_MAX, Account, AccountId, AccountKind, Asset, AssetCode, Kind, Leg, Limits, Memo,
    Outcome, OwnerId, Refund, Refusal, Rejection, Transaction, TransactionId, VelocityRule, Wallet,
    queries,
};
use crate::engine::{Command, Ctx, Deadline, Invalid};
use crate::record::{Stored as _, Timestamp};
use crate::storage::{Draft, Stop};

/// The most digits after the point an asset has.
pub const SCALE_MAX: u8 = 9;

/// Opens an asset: there are accounts of it from then on.
///
/// Counters hold 2^63 of the smallest unit, and grow with turnover: at a scale of 9 a busy asset
/// reaches that in days, at 6 in decades.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAsset {
    /// Its name. Opening the same asset again changes nothing.
    pub asset: AssetCode,
    /// Digits after the point: 0 to [`SCALE_MAX`].
    pub scale: u8,
    /// Whether people may give it to each other.
    #[serde(default = "yes")]
    pub transferable: bool,
    /// Whether its log is a tree that proves that nothing in it was changed.
    #[serde(default = "yes")]
    pub sealed: bool,
    /// How much of it there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_cap: Option<i64>,
}

const fn yes() -> bool {
    true
}

impl OpenAsset {
    /// An asset that people may give to each other, of which there is no end.
    pub const fn new(asset: AssetCode, scale: u8) -> Self {
        Self { asset, scale, transferable: true, sealed: true, supply_cap: None }
    }
}

impl Command for OpenAsset {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        Invalid::range("scale", self.scale.into(), 0, SCALE_MAX.into()).map_err(Refusal::from)?;
        let cap = self.supply_cap.unwrap_or(1);
        Invalid::range("supply_cap", cap, 1, i64::MAX).map_err(Refusal::from)?;
        draft.need([Asset::own(self.asset)])?;
        let new = Asset {
            code: self.asset,
            scale: self.scale,
            transferable: self.transferable,
            sealed: self.sealed,
            supply_cap: self.supply_cap,
            changes: 0,
            closed_until: None,
            size: 0,
            at: Timestamp(ctx.now.0.saturating_sub(1)),
            issued: 0,
            burned: 0,
            frontier: Vec::new(),
        };
        match draft.look::<Asset>(self.asset)? {
            None => Ok(change_asset(draft, ctx, new)?),
            Some(it) => {
                let terms = |it: &Asset| (it.scale, it.transferable, it.sealed, it.supply_cap);
                match terms(it) == terms(&new) {
                    true => Ok(()),
                    false => Err(Refusal::AssetExists.into()),
                }
            }
        }
    }
}

/// Closes the books of an asset up to a time: nothing takes effect before it any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosePeriod {
    /// The asset.
    pub asset: AssetCode,
    /// Up to when: not after now, and not before what is closed already.
    pub until: Timestamp,
}

impl Command for ClosePeriod {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([Asset::own(self.asset)])?;
        let Some(asset) = draft.get::<Asset>(self.asset)? else {
            return Err(Refusal::AssetNotFound { leg: 0 }.into());
        };
        if self.until > ctx.now || asset.closed_until.is_some_and(|until| self.until < until) {
            return Err(Refusal::BadTimestamp.into());
        }
        match asset.closed_until == Some(self.until) {
            true => Ok(()),
            false => {
                Ok(change_asset(draft, ctx, Asset { closed_until: Some(self.until), ..asset })?)
            }
        }
    }
}

/// Opens an account. An owner has one for each kind and asset: opening it again finds it as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAccount {
    /// Its id; a new one, when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// What it is counted in.
    pub asset: AssetCode,
    /// What it is for.
    pub kind: AccountKind,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// What it may have and owe.
    #[serde(default)]
    pub limits: Limits,
}

/// An account is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The account.
    pub account: AccountId,
    /// Whether it is new.
    pub new: bool,
}

impl OpenAccount {
    /// Somebody's wallet, out of which no more goes than is in it.
    pub fn wallet(asset: AssetCode, owner: impl Into<OwnerId>) -> Self {
        let (kind, owner, limits) = (AccountKind::Wallet, Some(owner.into()), Limits::wallet());
        Self { id: None, asset, kind, owner, limits }
    }

    /// An account of the platform's without limits.
    pub fn platform(asset: AssetCode, kind: AccountKind) -> Self {
        Self { id: None, asset, kind, owner: None, limits: Limits::default() }
    }
}

impl Command for OpenAccount {
    type Output = Opened;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Opened, Stop<Refusal>> {
        self.limits.check().map_err(Refusal::from)?;
        let account = self.id.unwrap_or_else(|| ctx.new_id());
        if account.0.is_nil() {
            return Err(Refusal::InvalidId.into());
        }
        let wallet = self.owner.map(|owner| (owner, self.kind, self.asset));
        let claim = wallet.map(Wallet::own);
        draft.need([Asset::own(self.asset), Account::own(account)].into_iter().chain(claim))?;
        if let Some(key) = wallet
            && let Some(it) = draft.look::<Wallet>(key)?
        {
            return match self.id.is_none_or(|id| id == it.account_id) {
                true => Ok(Opened { account: it.account_id, new: false }),
                false => Err(Refusal::AccountExists { account: it.account_id }.into()),
            };
        }
        if draft.look::<Account>(account)?.is_some() {
            return Err(Refusal::AccountExists { account }.into());
        }
        if draft.look::<Asset>(self.asset)?.is_none() {
            return Err(Refusal::AssetNotFound { leg: 0 }.into());
        }
        if let Some((owner, kind, asset)) = wallet {
            draft.put(Wallet { owner, kind, asset, account_id: account })?;
        }
        let mut row = Account::opened(account, self.asset, self.kind, self.owner);
        row.limit(&self.limits);
        change_account(draft, ctx, row)?;
        Ok(Opened { account, new: true })
    }
}

/// Sets what an account may have and owe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLimits {
    /// The account.
    pub account: AccountId,
    /// All its limits, in place of those it has. It must be within them as it is.
    pub limits: Limits,
}

impl Command for SetLimits {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        self.limits.check().map_err(Refusal::from)?;
        let mut account = account_of(draft, self.account)?;
        account.limit(&self.limits);
        let is_within = |it: Option<i128>| it.is_none_or(|left| left >= 0);
        if !is_within(account.available()) || !is_within(account.room()) {
            return Err(Refusal::OutsideLimits.into());
        }
        Ok(change_account(draft, ctx, account)?)
    }
}

/// Freezes an account, or thaws it: nothing comes in, goes out, or either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The account.
    pub account: AccountId,
    /// Whether nothing may come in.
    pub incoming: bool,
    /// Whether nothing may go out.
    pub outgoing: bool,
}

impl Command for Freeze {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let account = account_of(draft, self.account)?;
        let (frozen_in, frozen_out) = (self.incoming, self.outgoing);
        match (account.frozen_in, account.frozen_out) == (frozen_in, frozen_out) {
            true => Ok(()),
            false => Ok(change_account(draft, ctx, Account { frozen_in, frozen_out, ..account })?),
        }
    }
}

/// Closes an account: it is empty, nothing in it is reserved, and nothing comes in or goes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The account.
    pub account: AccountId,
    /// Where what is in it goes first, up to [`LEGS_MAX`](super::LEGS_MAX) times what a leg moves at
    /// most; without, it must be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}

/// Where what is in an account goes when it is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// The account.
    pub to: AccountId,
    /// The id of the transaction that takes it there.
    pub transaction: TransactionId,
    /// What that is in the domain's words.
    pub kind: Kind,
}

impl Command for Close {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let account = account_of(draft, self.account)?;
        if account.closed {
            return Ok(());
        }
        if !account.has_no_holds() {
            return Err(Refusal::CloseHasHolds.into());
        }
        let balance = i64::try_from(account.balance()).unwrap_or(i64::MAX);
        if let Some(Rest { to, transaction, kind }) = &self.rest
            && balance > 0
        {
            let (mut rest, mut left) = (Transaction::new(*transaction, *kind), balance);
            while left > 0 {
                let amount = left.min(AMOUNT_MAX);
                rest = rest.leg(Leg::transfer(account.asset, account.id, *to, amount));
                left -= amount;
            }
            super::post(draft, ctx, &rest)?;
        } else if balance != 0 {
            return Err(Refusal::CloseNonZero { balance }.into());
        }
        let account = account_of(draft, self.account)?;
        // What went elsewhere under this id may have gone when it was closed before.
        let balance = i64::try_from(account.balance()).unwrap_or(i64::MAX);
        if balance != 0 {
            return Err(Refusal::CloseNonZero { balance }.into());
        }
        Ok(change_account(draft, ctx, Account { closed: true, ..account })?)
    }
}

/// Opens an account again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// The account.
    pub account: AccountId,
}

impl Command for Reopen {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        let account = account_of(draft, self.account)?;
        match account.closed {
            false => Ok(()),
            true => Ok(change_account(draft, ctx, Account { closed: false, ..account })?),
        }
    }
}

/// An account that is to be changed, with its asset.
fn account_of(draft: &Draft<'_>, id: AccountId) -> Result<Account, Stop<Refusal>> {
    draft.need([Account::own(id)])?;
    let Some(account) = draft.get::<Account>(id)? else { return Err(Refusal::NotFound.into()) };
    draft.need([Asset::own(account.asset)])?;
    Ok(account)
}

/// Posts a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Post(pub Transaction);

impl Command for Post {
    type Output = Outcome;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Outcome, Stop<Refusal>> {
        super::post(draft, ctx, &self.0)
    }
}

impl Command for Refund {
    type Output = Outcome;
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<Outcome, Stop<Refusal>> {
        super::refund(draft, ctx, self)
    }
}

/// Erases what a person wrote with a transaction. The log has its salted hash, which stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseMemo {
    /// The transaction.
    pub transaction: TransactionId,
}

impl Command for EraseMemo {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, _: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([Memo::own(self.transaction)])?;
        Ok(draft.delete::<Memo>(self.transaction)?)
    }
}

/// Forgets a refusal whose time is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetRejection {
    /// The transaction that was refused.
    pub transaction: TransactionId,
}

impl Command for ForgetRejection {
    type Output = ();
    type Refusal = Refusal;

    fn decide(&self, draft: &mut Draft<'_>, ctx: &Ctx) -> Result<(), Stop<Refusal>> {
        draft.need([Rejection::own(self.transaction)])?;
        match draft.look::<Rejection>(self.transaction)? {
            Some(it) if it.expires_at <= ctx.now => {
                Ok(draft.delete::<Rejection>(self.transaction)?)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// When refusals are forgotten ([`Settings::rejection_ttl`](crate::engine::Settings)).
pub const FORGET: Deadline = Deadline {
    name: "ledger.forget_rejection",
    due: |by| queries::rejections_due(by).query().clone(),
    at: |row| Rejection::from_row(row).map_or(Timestamp::NEVER, |it| it.expires_at),
    command: |row| {
        let transaction = Rejection::from_row(row)?.transaction_id;
        Some(ForgetRejection { transaction }.into())
    },
};

impl Account {
    /// An account as it is before anything was said of it.
    pub(crate) fn opened(
        id: AccountId,
        asset: AssetCode,
        kind: AccountKind,
        owner: Option<OwnerId>,
    ) -> Self {
        Self {
            id,
            asset,
            kind,
            owner,
            debits_posted: 0,
            credits_posted: 0,
            debits_pending: 0,
            credits_pending: 0,
            has_floor: false,
            credit_limit: 0,
            ceiling: None,
            frozen_in: false,
            frozen_out: false,
            closed: false,
            velocity: None,
            version: 0,
            changes: 0,
        }
    }

    /// The rules of velocity, as the log has them.
    pub(super) fn rules(&self) -> Option<String> {
        let rules: Vec<VelocityRule> = self.limits().velocity;
        let json = || serde_json::to_string(&rules).expect("rules have keys that are strings");
        (!rules.is_empty()).then(json)
    }
}
