//! What a cap and a closed account promise, where something had come back that was gone.

use parlor_core::Uuid;
use parlor_core::conformance::{World, block_on};
use parlor_core::economy::ledger::{
    Account, AccountId, AccountKind, AssetCode, Close, Kind, Leg, OpenAccount, OpenAsset, OwnerId,
    Post, Refusal, Reopen, Rest, Transaction, TransactionId,
};
use parlor_core::engine::{Command, Error};
use parlor_core::events::Actor;
use parlor_core::storage::MemoryStore;

const COIN: AssetCode = AssetCode::of("COIN");

struct Ledger(World<MemoryStore>);

impl Ledger {
    /// Of an asset of which there may be 100.
    fn new() -> Self {
        let ledger = Self(World::new(MemoryStore::new()));
        let coin = OpenAsset { supply_cap: Some(100), ..OpenAsset::new(COIN, 0) };
        ledger.run(coin).expect("it is open");
        ledger
    }

    fn run<C: Command>(&self, command: C) -> Result<C::Output, C::Refusal> {
        block_on(self.0.parlor.execute(Actor::HOST, command)).map_err(|error| match error {
            Error::Refused(refusal) => refusal,
            other => panic!("{other}"),
        })
    }

    fn open(&self, account: OpenAccount) -> AccountId {
        self.run(account).expect("it is open").account
    }

    fn wallet(&self, owner: u128) -> AccountId {
        self.open(OpenAccount::wallet(COIN, OwnerId(Uuid::from_u128(owner))))
    }

    fn give(&self, id: u128, from: AccountId, to: AccountId, amount: i64) -> Result<(), Refusal> {
        let id = TransactionId(Uuid::from_u128(id));
        let leg = Leg::transfer(COIN, from, to, amount);
        self.run(Post(Transaction::new(id, Kind::of("gift")).leg(leg))).map(|_| ())
    }
}

#[test]
fn what_comes_back_from_where_it_was_used_up_counts_under_the_cap_again() {
    let ledger = Ledger::new();
    let mint = ledger.open(OpenAccount::platform(COIN, AccountKind::Issuance));
    let fire = ledger.open(OpenAccount::platform(COIN, AccountKind::Burn));
    let ada = ledger.wallet(1);
    assert_eq!(ledger.give(1, mint, ada, 100), Ok(()));
    assert_eq!(ledger.give(2, ada, fire, 30), Ok(()));
    assert_eq!(ledger.give(3, mint, ada, 20), Ok(()));

    let too_much = ledger.give(4, fire, ada, 11);
    assert_eq!(too_much, Err(Refusal::SupplyCapExceeded { leg: 0, room: 10 }));
    assert_eq!(ledger.give(5, fire, ada, 10), Ok(()));
    assert_eq!(ledger.give(6, fire, mint, 5), Ok(()), "there is none more of it then");
}

#[test]
fn an_account_is_not_closed_over_what_came_in_after_its_rest_was_taken() {
    let ledger = Ledger::new();
    let mint = ledger.open(OpenAccount::platform(COIN, AccountKind::Issuance));
    let (ada, ben) = (ledger.wallet(1), ledger.wallet(2));
    let transaction = TransactionId(Uuid::from_u128(9));
    let close =
        Close { account: ada, rest: Some(Rest { to: ben, transaction, kind: Kind::of("rest") }) };
    assert_eq!(ledger.give(1, mint, ada, 7), Ok(()));
    assert_eq!(ledger.run(close.clone()), Ok(()));
    assert_eq!(ledger.run(Reopen { account: ada }), Ok(()));
    assert_eq!(ledger.give(2, mint, ada, 7), Ok(()));

    assert_eq!(ledger.run(close), Err(Refusal::CloseNonZero { balance: 7 }));
    let account = ledger.0.held::<Account>(ada).expect("it is there");
    assert_eq!((account.balance(), account.closed), (7, false));
}
