//! A ledger without rooms: accounts, a top-up, a tip with a fee, a ticket that is reserved and then
//! used, a refund, a retry, and an audit. `cargo run --release --bin embedded-ledger`

#![expect(clippy::print_stdout, reason = "it prints what happens")]

use parlor_core::Uuid;
use parlor_core::economy::ledger::{
    AccountKind, AssetCode, Fee, Kind, Leg, OpenAccount, OpenAsset, OwnerId, Post, Refund,
    Transaction,
};
use parlor_core::events::Actor;
use parlor_examples::host;
use parlor_storage_sqlite::SqliteStore;
use std::time::Duration;

const HOST: Actor = Actor::HOST;
const COIN: AssetCode = AssetCode::of("COIN");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let parlor = host::parlor(SqliteStore::open(folder.path().join("ledger.db"))?);

    // What is counted, and who has some: nobody can spend more than is there.
    parlor.execute(HOST, OpenAsset::new(COIN, 2)).await?;
    let (ada, ben) = (OwnerId(Uuid::from_u128(1)), OwnerId(Uuid::from_u128(2)));
    let open = async |it: OpenAccount| anyhow::Ok(parlor.execute(HOST, it).await?.account);
    let ada = open(OpenAccount::wallet(COIN, ada)).await?;
    let ben = open(OpenAccount::wallet(COIN, ben)).await?;
    let mint = open(OpenAccount::platform(COIN, AccountKind::Issuance)).await?;
    let fees = open(OpenAccount::platform(COIN, AccountKind::Fees)).await?;

    // A transaction has an id of your own: asked again, it says what it said, and does nothing.
    let new = |kind| Transaction::new(parlor.new_id(), Kind::of(kind));
    let post = async |it: &Transaction| anyhow::Ok(parlor.execute(HOST, Post(it.clone())).await?);
    let top_up = Transaction { reference: Some("psp:8213".into()), ..new("top_up") };
    post(&top_up.leg(Leg::transfer(COIN, mint, ada, 5_000))).await?;

    let (fee, net) = Fee { ppm: 5_0000, ..Fee::default() }.of(1_000)?;
    let tip = new("tip").leg(Leg::transfer(COIN, ada, ben, net));
    let tip = tip.leg(Leg::transfer(COIN, ada, fees, fee));
    println!("{:?}", post(&tip).await?);
    println!("again: {:?}", post(&tip).await?);

    // A ticket is reserved for a day, and half of it is used.
    let hold = Leg::hold(COIN, ada, ben, 2_000, Some(Duration::from_secs(86_400)));
    let ticket = new("ticket").leg(hold.clone());
    post(&ticket).await?;
    post(&new("visit").leg(hold.capture_last(ticket.transfer(0), 1_000))).await?;
    let refund = Refund::all(parlor.new_id(), tip.id, Kind::of("refund"));
    parlor.execute(HOST, refund).await?;

    let too_much = new("tip").leg(Leg::transfer(COIN, ben, ada, 100_000));
    if let Err(refusal) = post(&too_much).await {
        println!("refused: {refusal}");
    }
    let audit = parlor.audit(|_| {}).await?;
    println!("{} transfers, {} findings", audit.transfers, audit.findings.count);
    Ok(())
}
