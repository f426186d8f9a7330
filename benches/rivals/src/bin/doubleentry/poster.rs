//! The calls by which a transfer gets into the ledger.

use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use doubleentry::store::Store;
use doubleentry::{Entry, Error, Ledger};
use tokio::sync::{mpsc, oneshot};

/// By which call transfers are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Calls {
    /// What waits together goes into one batch, which is how the ledger is fastest.
    Batch,
    /// Every client posts its own.
    Single,
}

/// Posts what it is given, and returns once that is durable.
#[derive(Clone)]
pub(crate) enum Poster<S> {
    Batch(mpsc::UnboundedSender<Waiting>),
    Single(Ledger<S>),
}

/// A draft, and who waits for it.
type Waiting = (Entry, oneshot::Sender<Result<(), Arc<Error>>>);

impl<S: Store> Poster<S> {
    /// Batches have at most so many drafts.
    pub(crate) fn new(calls: Calls, ledger: Ledger<S>, drafts_max: usize) -> Self {
        if calls == Calls::Single {
            return Self::Single(ledger);
        }
        // Bounded by the clients, each of which has one draft in it at most.
        let (sender, waiting) = mpsc::unbounded_channel();
        tokio::spawn(collect(ledger, waiting, drafts_max));
        Self::Batch(sender)
    }

    pub(crate) async fn post(&self, draft: Entry) -> anyhow::Result<()> {
        match self {
            Self::Batch(collector) => {
                let (done, answer) = oneshot::channel();
                collector.send((draft, done)).ok().context("the collector has ended")?;
                Ok(answer.await.context("the collector has ended")??)
            }
            Self::Single(ledger) => loop {
                match ledger.record(draft.clone()).await {
                    // As documented: the same draft again.
                    Err(error) if error.is_transient() => tokio::task::yield_now().await,
                    answer => return Ok(answer.map(drop)?),
                }
            },
        }
    }
}

/// Posts what waits as one batch, and then what has come meanwhile.
async fn collect<S: Store>(
    ledger: Ledger<S>,
    mut waiting: mpsc::UnboundedReceiver<Waiting>,
    drafts_max: usize,
) {
    let mut some = Vec::with_capacity(drafts_max);
    while waiting.recv_many(&mut some, drafts_max).await > 0 {
        let (drafts, clients): (Vec<_>, Vec<_>) = some.drain(..).unzip();
        let answer = ledger.record_batch(drafts).await.map(drop).map_err(Arc::new);
        for client in clients {
            // One that has gone does not want to know.
            let _ = client.send(answer.clone());
        }
    }
}
