use serde::{Deserialize, Serialize};

use super::{AnyRefusal, Command, Ctx};
use crate::events::Position;
use crate::record::Stored as _;
use crate::storage::{Draft, Stop};

crate::record! {
    /// How far a policy has read the feed.
    pub FeedCursor in "feed_cursor" [consumer: String] {
        /// The last event it has dealt with.
        position: Position,
    }
}

/// Moves a policy's cursor on, unless somebody else has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceCursor {
    /// Whose.
    pub consumer: String,
    /// Where it was when the page was read.
    pub from: Position,
    /// Where the page ended.
    pub to: Position,
}

impl Command for AdvanceCursor {
    /// Whether it was moved.
    type Output = bool;
    type Refusal = AnyRefusal;

    fn decide(&self, draft: &mut Draft<'_>, _: &Ctx) -> Result<bool, Stop<AnyRefusal>> {
        draft.need([FeedCursor::own(self.consumer.clone())])?;
        let row = draft.get::<FeedCursor>(self.consumer.clone())?;
        if row.map_or(Position::START, |row| row.position) != self.from {
            return Ok(false);
        }
        draft.put(FeedCursor { consumer: self.consumer.clone(), position: self.to })?;
        Ok(true)
    }
}
