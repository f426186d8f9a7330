use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Answer, COIN, Call, FUNDING, GEM, PEOPLE, START, START_LIQUIDITY, ask_until_answered};
use crate::conformance::{block_on, threads};
use crate::economy::ledger::{
    Account, AccountId, AccountKind, Entry, Kind, Outcome, Receipt, Refusal, TransactionId,
    Transfer,
};
use crate::engine::Parlor;
use crate::record::Stored;
use crate::storage::{PAGE_MAX, Select};

/// What a client tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It is about to ask.
    Sent(Call),
    /// It has an answer.
    Answered(Call, Answer),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(call) => write!(f, "sent {call}"),
            Self::Answered(call, answer) => {
                let answer = serde_json::to_string(answer).map_err(|_| fmt::Error)?;
                write!(f, "answered {call} {answer}")
            }
        }
    }
}

impl Told {
    /// Reads what was written; `None` where it is something else, or not whole.
    pub fn read(line: &str) -> Option<Self> {
        if let Some(call) = line.strip_prefix("sent ") {
            return Some(Self::Sent(call.parse().ok()?));
        }
        let (call, answer) = line.strip_prefix("answered ")?.split_once(' ')?;
        Some(Self::Answered(call.parse().ok()?, serde_json::from_str(answer).ok()?))
    }
}

/// All that clients told: every call, and what was said to it, if that was heard.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    calls: BTreeMap<Call, Option<Result<Receipt, Refusal>>>,
    posted: BTreeSet<Call>,
}

impl Answers {
    /// Adds what was told.
    ///
    /// # Panics
    /// When a call has two answers that differ, was posted twice, or was refused for good with what
    /// a retry would not be told.
    pub fn add(&mut self, told: Told) {
        let (call, answer) = match told {
            Told::Sent(call) => {
                self.calls.entry(call).or_default();
                return;
            }
            Told::Answered(call, answer) => (call, answer),
        };
        if let Ok(Outcome::Posted(_)) = answer {
            assert!(self.posted.insert(call), "call {call} was posted twice: {answer:?}");
        }
        if let Err(refusal) = &answer {
            assert!(refusal.is_sticky(), "call {call}: {refusal:?}");
        }
        let answer = answer.map(Outcome::receipt);
        let first = self.calls.get_mut(&call).expect("a call is told before it is made");
        match first {
            Some(first) => assert_eq!(*first, answer, "the answers to call {call} differ"),
            None => *first = Some(answer),
        }
    }

    /// How many calls there are: all, those that were posted, and those that were refused.
    pub fn count(&self) -> [usize; 3] {
        let posted = self.calls.values().filter(|it| matches!(it, Some(Ok(_)))).count();
        let refused = self.calls.values().filter(|it| matches!(it, Some(Err(_)))).count();
        [self.calls.len(), posted, refused]
    }

    /// Asks every call since a round again, twice.
    ///
    /// # Panics
    /// When one is answered otherwise than before, or posted again.
    pub fn retry(&mut self, parlor: &Parlor, since: u32) {
        const THREADS: usize = 16;
        let calls: Vec<Call> = self.calls.keys().filter(|it| it.round >= since).copied().collect();
        let again = |call: Call| (call, ask_until_answered(parlor, call));
        for nth in ["the second", "the third"] {
            let answers = threads(THREADS, |k| {
                calls.iter().skip(k).step_by(THREADS).copied().map(again).collect::<Vec<_>>()
            });
            for (call, answer) in answers.into_iter().flatten() {
                let is_new = matches!(answer, Ok(Outcome::Posted(_)));
                let is_open = self.calls[&call].is_none();
                assert!(!is_new || is_open, "call {call} was posted again {nth} time");
                self.add(Told::Answered(call, answer));
            }
        }
    }

    /// What is always true of the bank, whenever it is looked at: the audit is clean, no money was
    /// lost or made up, every account's entries are there, once each, time only goes on, and what is
    /// in the ledger is what was answered.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check(&self, parlor: &Parlor) {
        audit(parlor);
        check_money(parlor);
        let transfers = rows::<Transfer>(parlor);
        check_times(&transfers);
        self.check_answers(&transfers);
    }

    fn check_answers(&self, transfers: &[Transfer]) {
        let mut legs = BTreeMap::<TransactionId, Vec<&Transfer>>::new();
        for transfer in transfers {
            legs.entry(transfer.transaction_id).or_default().push(transfer);
        }
        for (call, answer) in &self.calls {
            let legs = legs.remove(&call.id()).unwrap_or_default();
            match answer {
                None => {}
                Some(Err(refusal)) => {
                    assert!(legs.is_empty(), "call {call} was refused: {refusal}, {legs:?}");
                }
                Some(Ok(receipt)) => {
                    let Some(first) = legs.first() else { panic!("call {call} is lost") };
                    assert_eq!(legs.len(), usize::from(receipt.legs), "call {call}");
                    assert_eq!((first.seq, first.at), (receipt.seq, receipt.at), "call {call}");
                }
            }
        }
        for (id, legs) in legs {
            let is_ours = id == FUNDING || legs[0].kind == Kind::of("hold_expired");
            assert!(is_ours, "nobody has asked for transaction {id}: {legs:?}");
        }
    }
}

/// Audits, and shows what is wrong.
///
/// # Panics
/// When something is.
pub fn audit(parlor: &Parlor) {
    let audit = block_on(parlor.audit(|_| {})).expect("the store is read");
    let all: Vec<_> = audit.findings.first.iter().map(ToString::to_string).collect();
    assert!(audit.findings.is_clean(), "the audit is not clean:\n{}", all.join("\n"));
    for head in audit.heads {
        let verified = block_on(parlor.ledger().verify(head.asset, 0, i64::MAX, |_, _| {}));
        let verified = verified.expect("it is there");
        assert!(verified.findings.is_clean(), "{verified:?}");
    }
}

/// All rows of a record.
///
/// # Panics
/// When the store fails.
pub fn rows<R: Stored>(parlor: &Parlor) -> Vec<R> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let query = Select::<R>::new("bank.rows").limit(PAGE_MAX);
        let query = query.after(after.as_deref()).expect("it is its own cursor");
        let page = block_on(parlor.select(&query)).expect("the store is read");
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

/// What was issued is there still, and every account is what its entries come to.
fn check_money(parlor: &Parlor) {
    let (accounts, entries) = (rows::<Account>(parlor), rows::<Entry>(parlor));
    for asset in [COIN, GEM] {
        let of_asset = || accounts.iter().filter(|it| it.asset == asset);
        let in_hands = of_asset().filter(|it| it.kind != AccountKind::Issuance);
        let in_hands: i128 = in_hands.map(Account::balance).sum();
        let issued = START_LIQUIDITY + i64::from(PEOPLE) * START;
        assert_eq!(in_hands, issued.into(), "what there is of {asset}");
        assert_eq!(of_asset().map(Account::balance).sum::<i128>(), 0, "the sum of {asset}");
    }
    let mut of_account = BTreeMap::<AccountId, Vec<&Entry>>::new();
    for entry in &entries {
        of_account.entry(entry.account_id).or_default().push(entry);
    }
    for it in &accounts {
        let entries = of_account.remove(&it.id).unwrap_or_default();
        let versions: Vec<i64> = entries.iter().map(|entry| entry.version).collect();
        assert_eq!(versions, (1..=it.version).collect::<Vec<_>>(), "account {}", it.id);
        let counters = entries.last().map_or([0; 4], |it| {
            [it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending]
        });
        let own = [it.debits_posted, it.credits_posted, it.debits_pending, it.credits_pending];
        assert_eq!(own, counters, "account {}", it.id);
    }
    assert!(of_account.is_empty(), "entries of no account: {of_account:?}");
}

/// In the order of their numbers, transfers are later and later.
pub fn check_times(transfers: &[Transfer]) {
    let mut in_order: Vec<_> = transfers.iter().map(|it| (it.asset, it.seq, it.at)).collect();
    in_order.sort_unstable();
    for pair in in_order.windows(2) {
        let [(asset, n, at), (next_asset, next, later)] = pair else { unreachable!("two") };
        let is_later = asset != next_asset || (n < next && at < later);
        assert!(is_later, "transfer {next} of {asset} is not later than {n}: {later:?}, {at:?}");
    }
}
