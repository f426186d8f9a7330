use serde::{Deserialize, Serialize};

use super::{AccountId, AssetCode, Kind, Leg, Rate, Refusal, Transaction, TransactionId};

/// Some of one asset for some of another, between somebody and the liquidity accounts of both: two
/// legs that stand or fall together.
///
/// ```
/// # use parlor_core::Uuid;
/// # use parlor_core::economy::ledger::*;
/// # let [wallet, coins, gems, purse] = [1, 2, 3, 4].map(|n| AccountId(Uuid::from_u128(n)));
/// # let (coin, gem) = (AssetCode::of("COIN"), AssetCode::of("GEM"));
/// let exchange = Exchange {
///     sold: coin,
///     from: wallet,
///     into: coins,
///     amount: 100,
///     bought: gem,
///     out_of: gems,
///     to: purse,
///     rate: Rate { numerator: 3, denominator: 7 },
/// };
/// let id = TransactionId(Uuid::from_u128(5));
/// let transaction = exchange.transaction(id, Kind::of("exchange"))?;
/// assert_eq!(transaction.legs[1].amount, 42); // 300 / 7 = 42.86
/// # Ok::<(), Refusal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The asset that is given away.
    pub sold: AssetCode,
    /// Whose account it comes from.
    pub from: AccountId,
    /// The liquidity account it goes to.
    pub into: AccountId,
    /// How much of it, in its smallest unit: 1 to [`AMOUNT_MAX`](super::AMOUNT_MAX).
    pub amount: i64,
    /// The asset that comes in return.
    pub bought: AssetCode,
    /// The liquidity account it comes from.
    pub out_of: AccountId,
    /// Whose account it goes to.
    pub to: AccountId,
    /// How much comes in return, rounded down: what is lost by it stays in the liquidity account.
    pub rate: Rate,
}

impl Exchange {
    /// Its transaction, with the rate as its metadata: `{"rate":{"numerator":3,"denominator":7}}`. A
    /// spread is another leg of the caller's.
    ///
    /// # Errors
    /// [`Refusal::FeePolicyInvalid`], as [`Rate::of`] has it.
    pub fn transaction(&self, id: TransactionId, kind: Kind) -> Result<Transaction, Refusal> {
        let returned = self.rate.of(self.amount)?;
        let Rate { numerator, denominator } = self.rate;
        let rate = format!(r#"{{"rate":{{"numerator":{numerator},"denominator":{denominator}}}}}"#);
        let transaction = Transaction::new(id, kind)
            .leg(Leg::transfer(self.sold, self.from, self.into, self.amount))
            .leg(Leg::transfer(self.bought, self.out_of, self.to, returned));
        Ok(Transaction { metadata: Some(rate), ..transaction })
    }
}
