//! What a role may do: pure tables.
//!
//! So far the part of the domain's table B that rooms of guests need. Organizations, custom roles
//! and overwrites will compute into the same [`Permission`]s.

use crate::rooms::RoomRole;

crate::words! {
    /// One thing that one may be allowed to do.
    pub Permission {
        /// Ask for the floor.
        RequestToSpeak = "request_to_speak",
        /// Mute others, lock and unlock their microphones.
        MuteParticipants = "mute_participants",
        /// Kick others, and ban them from the room.
        RemoveParticipants = "remove_participants",
        /// Give and take the floor.
        ManageStage = "manage_stage",
        /// See how the transports of others do.
        ViewConnections = "view_connections",
        /// Enter a room that is full.
        BypassCapacity = "bypass_capacity",
        /// Change, lock and unlock the room.
        ManageRoom = "manage_room",
        /// Close the room for everyone.
        CloseRoom = "close_room",
    }
}

/// Whether a role in a room carries a permission there.
///
/// ```
/// use parlor_core::permissions::{Permission, grants};
/// use parlor_core::rooms::RoomRole;
/// assert!(grants(RoomRole::Moderator, Permission::MuteParticipants));
/// assert!(!grants(RoomRole::Moderator, Permission::CloseRoom));
/// ```
pub fn grants(role: RoomRole, permission: Permission) -> bool {
    role >= match permission {
        Permission::RequestToSpeak => RoomRole::Guest,
        Permission::MuteParticipants
        | Permission::RemoveParticipants
        | Permission::ManageStage
        | Permission::ViewConnections => RoomRole::Moderator,
        Permission::BypassCapacity => RoomRole::Cohost,
        Permission::ManageRoom | Permission::CloseRoom => RoomRole::Host,
    }
}
