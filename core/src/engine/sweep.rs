use serde::{Deserialize, Serialize};

use super::{AnyCommand, AnyRefusal, Command, Ctx};
use crate::Uuid;
use crate::record::{Stored as _, Timestamp};
use crate::rooms;
use crate::storage::{Draft, Missing, Query, Stop};
use crate::tables::Row;

crate::record! {
    /// Work that is too much for one changeset and is under way in pages. It is done when its
    /// query finds no more rows; until then any process may go on with it.
    pub Sweep in "sweep" [
        /// Which [`Sweeper`].
        name: String,
        /// What it is about.
        subject: Uuid,
    ] {
        /// How far it reaches, in what its sweeper counts by, such as a room's epoch.
        bound: i64,
        /// Since when.
        started_at: Timestamp,
    }
}

/// How one kind of sweep goes: rows that still need it, and the command for a page of them.
#[derive(Clone, Copy, Debug)]
pub struct Sweeper {
    /// Its name, unique and stable.
    pub name: &'static str,
    /// The next rows. A row that has been dealt with must not be found again.
    pub page: fn(&Sweep) -> Query,
    /// Deals with them; each is looked at again under lock.
    pub command: fn(&Sweep, Vec<Row>) -> AnyCommand,
}

impl Sweeper {
    /// Asks to own the row of a sweep that is to be started.
    pub fn own(&self, subject: Uuid) -> crate::storage::Need {
        Sweep::own((self.name.to_owned(), subject))
    }

    /// Starts a sweep with the changeset.
    ///
    /// # Errors
    /// [`Missing`] when its row is not owned.
    pub fn start(
        &self,
        draft: &mut Draft<'_>,
        ctx: &Ctx,
        subject: Uuid,
        bound: i64,
    ) -> Result<(), Missing> {
        draft.put(Sweep { name: self.name.to_owned(), subject, bound, started_at: ctx.now })
    }
}

/// Every sweeper.
pub const SWEEPERS: &[Sweeper] = &[rooms::CLOSED];

/// Ends a sweep whose query found nothing more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishSweep {
    /// Which sweeper.
    pub name: String,
    /// About what.
    pub subject: Uuid,
    /// How far it reached: one that was started again meanwhile goes on.
    pub bound: i64,
}

impl Command for FinishSweep {
    type Output = ();
    type Refusal = AnyRefusal;

    fn decide(&self, draft: &mut Draft<'_>, _: &Ctx) -> Result<(), Stop<AnyRefusal>> {
        let key = (self.name.clone(), self.subject);
        draft.need([Sweep::own(key.clone())])?;
        if draft.get::<Sweep>(key.clone())?.is_some_and(|sweep| sweep.bound == self.bound) {
            draft.delete::<Sweep>(key)?;
        }
        Ok(())
    }
}
