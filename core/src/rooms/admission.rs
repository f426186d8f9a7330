use super::{Refusal, Room, RoomRole, RoomStatus};
use crate::permissions::{Permission, grants};

/// Whether somebody may enter a room: the only gate there is (SM-5). The first step that fails
/// decides.
///
/// Whoever holds an open stay is in already and does not come here.
///
/// # Errors
/// [`Refusal::Banned`], [`Refusal::Closed`], [`Refusal::Locked`], [`Refusal::Full`].
pub fn admit(room: &Room, role: RoomRole, is_banned: bool, reserved: u32) -> Result<(), Refusal> {
    if is_banned {
        return Err(Refusal::Banned);
    }
    if room.status == RoomStatus::Closed {
        return Err(Refusal::Closed);
    }
    if room.locked_at.is_some() && !grants(role, Permission::ManageRoom) {
        return Err(Refusal::Locked);
    }
    if reserved >= room.max_participants && !grants(role, Permission::BypassCapacity) {
        return Err(Refusal::Full { capacity: room.max_participants });
    }
    Ok(())
}
