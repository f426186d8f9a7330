//! The arithmetic of one account.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rows::Window;
use super::{AMOUNT_MAX, Account, Kind, Phase, Refusal, Side};
use crate::engine::Invalid;
use crate::record::{Json, Timestamp};

/// The most rules of velocity an account has.
pub const VELOCITY_RULES_MAX: usize = 4;
/// The shortest and the longest window of a rule.
const WINDOW_MIN: Duration = Duration::from_secs(1);
const WINDOW_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What an account may have and owe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// It stays above zero, or above what it may owe. The default is that it need not.
    pub floor: bool,
    /// How much it may owe, if it has a floor: 0 to [`AMOUNT_MAX`].
    pub credit_limit: i64,
    /// The most it may have, what is reserved to come in included: 0 to [`AMOUNT_MAX`].
    pub ceiling: Option<i64>,
    /// What may go out in windows of time: at most [`VELOCITY_RULES_MAX`] rules.
    pub velocity: Vec<VelocityRule>,
}

/// How much may go out of an account in a window of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VelocityRule {
    /// Its name, of which an account has each once.
    pub name: Kind,
    /// How long a window is: a second to 366 days. Windows begin at the epoch.
    pub window: Duration,
    /// How many transfers may go out in one.
    pub count_max: Option<u32>,
    /// How much may go out in one.
    pub sum_max: Option<i64>,
}

impl Limits {
    /// Those of somebody's wallet: nothing is owed.
    pub fn wallet() -> Self {
        Self { floor: true, ..Self::default() }
    }

    /// Whether they can be held.
    ///
    /// # Errors
    /// The field that is out of bounds.
    pub fn check(&self) -> Result<(), Invalid> {
        Invalid::range("credit_limit", self.credit_limit, 0, AMOUNT_MAX)?;
        Invalid::range("ceiling", self.ceiling.unwrap_or(0), 0, AMOUNT_MAX)?;
        let rules = i64::try_from(self.velocity.len()).unwrap_or(i64::MAX);
        Invalid::range("velocity", rules, 0, VELOCITY_RULES_MAX as i64)?;
        for (n, rule) in self.velocity.iter().enumerate() {
            let names = self.velocity[..n].iter().filter(|it| it.name == rule.name).count();
            Invalid::range("velocity", names as i64, 0, 0)?;
            let window = i64::try_from(rule.window.as_secs()).unwrap_or(i64::MAX);
            let (least, most) = (WINDOW_MIN.as_secs() as i64, WINDOW_MAX.as_secs() as i64);
            Invalid::range("window", window, least, most)?;
            Invalid::range("sum_max", rule.sum_max.unwrap_or(0), 0, AMOUNT_MAX)?;
        }
        Ok(())
    }
}

impl Account {
    /// What it has, nothing reserved taken off. Accounts that money comes from are below zero.
    pub fn balance(&self) -> i128 {
        i128::from(self.credits_posted) - i128::from(self.debits_posted)
    }

    /// What can be taken out: what it has and may owe, less what is reserved; `None` where there is
    /// no floor.
    pub fn available(&self) -> Option<i128> {
        let left = self.balance() - i128::from(self.debits_pending);
        self.has_floor.then_some(left + i128::from(self.credit_limit))
    }

    /// What can be put in, what is reserved to come in taken off; `None` where there is no ceiling.
    pub fn room(&self) -> Option<i128> {
        let full = self.balance() + i128::from(self.credits_pending);
        self.ceiling.map(|ceiling| i128::from(ceiling) - full)
    }

    /// Whether nothing is reserved on either side.
    pub const fn has_no_holds(&self) -> bool {
        self.debits_pending == 0 && self.credits_pending == 0
    }

    /// Puts `limits` in place of those it has; what went out in the present windows stays, for rules
    /// that stay.
    pub(super) fn limit(&mut self, limits: &Limits) {
        self.has_floor = limits.floor;
        self.credit_limit = limits.credit_limit;
        self.ceiling = limits.ceiling;
        let before = self.velocity.take().map_or_else(Vec::new, |Json(windows)| windows);
        let window = |rule: &VelocityRule| {
            let same =
                before.iter().find(|it| it.rule.name == rule.name && it.rule.window == rule.window);
            let (number, count, sum) = same.map_or((0, 0, 0), |it| (it.number, it.count, it.sum));
            Window { rule: rule.clone(), number, count, sum }
        };
        let windows: Vec<_> = limits.velocity.iter().map(window).collect();
        self.velocity = (!windows.is_empty()).then_some(Json(windows));
    }

    /// Its limits.
    pub fn limits(&self) -> Limits {
        let windows = self.velocity.iter().flat_map(|Json(windows)| windows);
        Limits {
            floor: self.has_floor,
            credit_limit: self.credit_limit,
            ceiling: self.ceiling,
            velocity: windows.map(|it| it.rule.clone()).collect(),
        }
    }

    /// What a transfer changes here, limits not looked at; `None` when it cannot be counted.
    pub fn apply(&mut self, side: Side, phase: Phase, amount: i64) -> Option<()> {
        let (posted, pending) = match side {
            Side::Debit => (&mut self.debits_posted, &mut self.debits_pending),
            Side::Credit => (&mut self.credits_posted, &mut self.credits_pending),
        };
        let (to_posted, to_pending) = match phase {
            Phase::Single | Phase::Refund | Phase::Reversal => (amount, 0),
            Phase::Hold => (0, amount),
            Phase::Capture => (amount, -amount),
            Phase::Void | Phase::Expiry => (0, -amount),
        };
        *posted = posted.checked_add(to_posted)?;
        *pending = pending.checked_add(to_pending)?;
        posted.checked_add(*pending)?;
        self.version += 1;
        Some(())
    }

    /// Counts what goes out under the rules of velocity.
    pub(super) fn count(&mut self, leg: u8, amount: i64, at: Timestamp) -> Result<(), Refusal> {
        let Some(Json(windows)) = &mut self.velocity else { return Ok(()) };
        for window in windows {
            window.count(leg, amount, at)?;
        }
        Ok(())
    }
}

impl Window {
    /// Counts what goes out at an instant.
    pub(super) fn count(&mut self, leg: u8, amount: i64, at: Timestamp) -> Result<(), Refusal> {
        let width = i64::try_from(self.rule.window.as_micros()).unwrap_or(i64::MAX).max(1);
        let number = at.0.div_euclid(width);
        if self.number != number {
            (self.number, self.count, self.sum) = (number, 0, 0);
        }
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(amount);
        let too_many = self.rule.count_max.is_some_and(|max| self.count > max);
        let too_much = self.rule.sum_max.is_some_and(|max| self.sum > max);
        if too_many || too_much {
            let next = Timestamp(number.saturating_add(1).saturating_mul(width));
            let (rule, retry_after) = (self.rule.name, next.since(at));
            return Err(Refusal::VelocityExceeded { leg, rule, retry_after });
        }
        Ok(())
    }
}
