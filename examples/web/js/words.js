// The sentences of the page, in one place.

export function roleName(role) {
  return { host: "Host", cohost: "Co-host", moderator: "Moderator" }[role] ?? "";
}

/** The state of a person for the eye and for screen readers. */
export function micPhrase(person) {
  if (person.connection === "reconnecting") return "reconnecting";
  if (person.stage === "requested") return "hand raised";
  if (person.stage === "invited") return "invited to speak";
  if (person.stage !== "speaker") return "listening";
  return (
    { muted_self: "muted", muted_server: "muted by a host", locked: "microphone locked" }[
      person.mic
    ] ?? "microphone on"
  );
}

/** How good a connection is; empty while that is not known. */
export function qualityPhrase(quality) {
  return (
    {
      excellent: "excellent connection",
      good: "good connection",
      poor: "poor connection",
      lost: "connection lost",
    }[quality] ?? ""
  );
}

export function count(n, one, many) {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/** Why one's stay is over. `null` when one left on purpose. */
export function endOf(reason, room, by) {
  const name = room ? `“${room}”` : "the room";
  switch (reason) {
    case "left":
      return null;
    case "kicked":
      return { title: "You were removed", detail: `${by ?? "A host"} removed you from ${name}.` };
    case "banned":
      return { title: "You were banned", detail: `${by ?? "A host"} banned you from ${name}.` };
    case "room_closed":
      return { title: "The room is closed", detail: `${capital(name)} was closed by its host.` };
    case "connection_timeout":
    case "join_failed":
      return {
        title: "The connection was lost",
        detail: `You were away from ${name} for too long, so your place was given up.`,
        again: true,
      };
    default:
      return {
        title: "Your visit is over",
        detail: `Your stay in ${name} has ended.`,
        again: true,
      };
  }
}

/** What to say aloud about an event; null when it speaks for itself. */
export function announcement(event, { who, mine, by, small, hosting }) {
  switch (event.name) {
    case "rooms.joined":
      return small && !mine ? `${who} joined.` : null;
    case "rooms.left":
      return small && !mine ? `${who} left.` : null;
    case "rooms.hand_raised":
      if (mine) return "Your hand is up.";
      return hosting ? `${who} raised a hand.` : null;
    case "rooms.hand_lowered":
      return mine ? "Your hand is down." : null;
    case "rooms.speak_invited":
      return mine ? `${by} invites you to speak.` : null;
    case "rooms.speak_invite_declined":
      return hosting && !mine ? `${who} would rather listen.` : null;
    case "rooms.speaker_added":
      if (!mine) return small ? `${who} has the floor.` : null;
      return "You have the floor. Unmute yourself to speak.";
    case "rooms.speaker_removed":
      return mine ? "You are in the audience now." : null;
    case "rooms.mic_changed":
      return mine ? micAnnouncement(event.data.mic, by) : null;
    case "rooms.locked":
      return "The room is locked: nobody new can come in.";
    case "rooms.unlocked":
      return "The room is open again.";
    default:
      return null;
  }
}

function micAnnouncement(mic, by) {
  return {
    live: "Your microphone is on.",
    muted_self: "Your microphone is off.",
    muted_server: `${by} muted you. You may unmute yourself.`,
    locked: `${by} locked your microphone.`,
  }[mic];
}

function capital(phrase) {
  return phrase.charAt(0).toUpperCase() + phrase.slice(1);
}
