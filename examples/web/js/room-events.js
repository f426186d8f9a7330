// What each event of a room does to the picture of it. Pure functions of the state: the order of
// events is the only input, so a snapshot followed by its events always gives the same picture.

const EVENTS = {
  "rooms.went_live": (state) => room(state, { status: "live" }),
  "rooms.emptied": (state) => room(state, { status: "idle" }),
  "rooms.closed": (state) => room(state, { status: "closed" }),
  "rooms.locked": (state) => room(state, { locked: true }),
  "rooms.unlocked": (state) => room(state, { locked: false }),

  "rooms.joining": () => {},
  "rooms.joined": (state, data, at) => {
    const { participant, user, display_name, role, stage, mic } = data;
    const known = state.people.get(participant);
    state.people.set(participant, {
      id: participant,
      user,
      display_name,
      role,
      stage,
      mic,
      hand_seq: known?.hand_seq ?? null,
      connection: "connected",
      joined_at: known?.joined_at ?? at,
    });
  },
  "rooms.reconnecting": (state, { participant }) =>
    person(state, participant, { connection: "reconnecting" }),
  "rooms.reconnected": (state, { participant }) =>
    person(state, participant, { connection: "connected" }),
  "rooms.left": (state, { participant }) => {
    if (!state.people.delete(participant)) state.unlisted = Math.max(0, state.unlisted - 1);
    state.speaking = state.speaking.filter((id) => id !== participant);
    if (state.dominant === participant) state.dominant = null;
    const { [participant]: gone, ...quality } = state.quality;
    state.quality = quality;
  },

  "rooms.hand_raised": (state, { participant, hand_seq }) =>
    person(state, participant, { stage: "requested", hand_seq }),
  "rooms.hand_lowered": (state, { participant }) =>
    person(state, participant, { stage: "audience", hand_seq: null }),
  "rooms.speak_invited": (state, { participant }) =>
    person(state, participant, { stage: "invited", hand_seq: null }),
  "rooms.speak_invite_declined": (state, { participant }) =>
    person(state, participant, { stage: "audience" }),
  "rooms.speaker_added": (state, { participant, mic }) =>
    person(state, participant, { stage: "speaker", hand_seq: null, mic }),
  "rooms.speaker_removed": (state, { participant }) =>
    person(state, participant, { stage: "audience", mic: "off" }),
  "rooms.mic_changed": (state, { participant, mic }) => person(state, participant, { mic }),

  "rooms.banned": () => {},
  "rooms.ban_lifted": () => {},
};

/** Applies one event. Unknown names are left alone: a newer server may say more. */
export function apply(state, event) {
  EVENTS[event.name]?.(state, event.data, event.at);
}

function room(state, change) {
  if (state.room) Object.assign(state.room, change);
}

function person(state, id, change) {
  const found = state.people.get(id);
  if (found) state.people.set(id, { ...found, ...change });
}
