//! Parts of amounts: fees, shares, exchanges. Whole numbers only, and nothing is lost on the way.

use serde::{Deserialize, Serialize};

use super::{AMOUNT_MAX, Refusal};

/// A million parts make a whole.
pub const PPM: u32 = 1_000_000;

/// What is taken of an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fee {
    /// Parts in a million of the amount, rounded down: 0 to [`PPM`].
    pub ppm: u32,
    /// And this, in the smallest unit.
    pub fixed: i64,
    /// No less than this.
    pub min: Option<i64>,
    /// No more than this.
    pub max: Option<i64>,
}

impl Fee {
    /// The fee on `amount`, and what is left of it: together the amount.
    ///
    /// # Errors
    /// [`Refusal::FeePolicyInvalid`] when the fee's terms are out of bounds or contradict each other,
    /// or more than the amount would be taken.
    pub fn of(&self, amount: i64) -> Result<(i64, i64), Refusal> {
        let terms = [Some(self.fixed), self.min, self.max];
        let in_bounds = |it: Option<i64>| it.is_none_or(|it| (0..=AMOUNT_MAX).contains(&it));
        let is_sound = self.ppm <= PPM
            && terms.into_iter().all(in_bounds)
            && self.min.unwrap_or(0) <= self.max.unwrap_or(AMOUNT_MAX)
            && (0..=AMOUNT_MAX).contains(&amount);
        if !is_sound {
            return Err(Refusal::FeePolicyInvalid);
        }
        let share = i128::from(amount) * i128::from(self.ppm) / i128::from(PPM);
        let fee = share + i128::from(self.fixed);
        let fee = fee.max(self.min.unwrap_or(0).into()).min(self.max.unwrap_or(AMOUNT_MAX).into());
        match i64::try_from(fee) {
            Ok(fee) if fee <= amount => Ok((fee, amount - fee)),
            Ok(_) | Err(_) => Err(Refusal::FeePolicyInvalid),
        }
    }
}

/// The most parts an amount is split into.
pub const PARTS_MAX: usize = 1_000;

/// `amount` in parts that are to each other as `weights`, by the largest remainder: each part is its
/// exact share rounded down or up, and together they are the amount. Of equal remainders the first
/// part is rounded up.
///
/// # Errors
/// [`Refusal::FeePolicyInvalid`] without weights, with more than [`PARTS_MAX`], with one below zero,
/// when all are zero, or when `amount` is not in 0 to [`AMOUNT_MAX`].
pub fn split(amount: i64, weights: &[i64]) -> Result<Vec<i64>, Refusal> {
    let total: i128 = weights.iter().map(|it| i128::from(*it)).sum();
    let is_sound = weights.len() <= PARTS_MAX
        && weights.iter().all(|it| *it >= 0)
        && total > 0
        && (0..=AMOUNT_MAX).contains(&amount);
    if !is_sound {
        return Err(Refusal::FeePolicyInvalid);
    }
    let exact = |weight: &i64| i128::from(amount) * i128::from(*weight);
    let floor = |weight| i64::try_from(exact(weight) / total).expect("a part is within the whole");
    let mut parts: Vec<i64> = weights.iter().map(floor).collect();
    let left =
        usize::try_from(amount - parts.iter().sum::<i64>()).expect("parts were rounded down");
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|n| std::cmp::Reverse(exact(&weights[*n]) % total));
    for n in by_remainder.into_iter().take(left) {
        parts[n] += 1;
    }
    Ok(parts)
}

/// How much of one asset is given for how much of another, in their smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// This many are given,
    pub numerator: i64,
    /// for this many.
    pub denominator: i64,
}

impl Rate {
    /// What is given for `amount`, rounded down: what is lost by it stays in the liquidity account.
    ///
    /// # Errors
    /// [`Refusal::FeePolicyInvalid`] when the rate or the amount is not more than zero, or nothing or
    /// too much would be given.
    pub fn of(&self, amount: i64) -> Result<i64, Refusal> {
        if self.numerator <= 0 || self.denominator <= 0 || !(1..=AMOUNT_MAX).contains(&amount) {
            return Err(Refusal::FeePolicyInvalid);
        }
        let given = i128::from(amount) * i128::from(self.numerator) / i128::from(self.denominator);
        match i64::try_from(given) {
            Ok(given) if (1..=AMOUNT_MAX).contains(&given) => Ok(given),
            Ok(_) | Err(_) => Err(Refusal::FeePolicyInvalid),
        }
    }
}
