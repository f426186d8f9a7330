//! Money: what people hold, give and owe.
//!
//! All of it stands on the [`ledger`]; gifts, tickets and subscriptions are commands that post to it.

pub mod ledger;
