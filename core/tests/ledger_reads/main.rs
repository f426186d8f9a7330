//! What the ledger's reads tell is what a look at every row tells.
#![cfg(feature = "conformance")]

mod books;
mod export;
mod history;
mod lookups;
mod reconcile;
mod report;
mod statement;
