// The one state of the page. Controllers change it, views draw it, nobody else holds a copy.

/** What the page knows before anything has happened. */
function initial() {
  return {
    /** "welcome" | "lobby" | "room" | "gate" (not let in) | "ended" (the stay is over). */
    view: "welcome",
    /** `{ user, name }` of the visitor. */
    me: null,
    /** The room id that a deep link or a click asks for. */
    target: null,
    lobby: { rooms: [], next: null, search: "", loaded: false },
    room: null,
    /** Id of one's own participant. */
    participant: null,
    /** Participants by id, in the order of joining. */
    people: new Map(),
    /** How many people are in the room beyond those in `people`. */
    unlisted: 0,
    /** Participant ids that speak now, loudest first. */
    speaking: [],
    /** Who has the word: stays with the last one through a silence. */
    dominant: null,
    /** How good connections are, by participant id: "excellent" | "good" | "poor" | "lost". */
    quality: {},
    /** The event stream: "idle" | "connecting" | "live" | "lost". */
    stream: "idle",
    /** The peer connection: "idle" | "connecting" | "connected" | "lost". */
    media: "idle",
    /** The microphone: "unasked" | "asking" | "ready" | "denied" | "missing". */
    microphone: "unasked",
    /** The browser wants a click before it plays sound. */
    soundBlocked: false,
    /** One's wish for one's microphone until the server has said so: "live" | "muted_self". */
    wished: null,
    /** Why one was not let in, or why the stay ended: `{ title, detail, again }`. */
    end: null,
    /** The last thing said in the status line: `{ text, alert }`. */
    notice: null,
  };
}

export class Store {
  state = initial();
  #listeners = new Set();
  #due = false;

  /** Changes the state by a function or by a patch; views are told once per turn. */
  update(change) {
    if (typeof change === "function") change(this.state);
    else Object.assign(this.state, change);
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      for (const listener of this.#listeners) listener(this.state);
    });
  }

  subscribe(listener) {
    this.#listeners.add(listener);
  }

  say(text) {
    this.update({ notice: { text, alert: false } });
  }

  warn(text) {
    this.update({ notice: { text, alert: true } });
  }
}

/** What every visit to a room starts from. */
export function outOfRoom() {
  const { view, me, target, lobby, microphone, ...rest } = initial();
  return rest;
}

export function myself(state) {
  return state.people.get(state.participant) ?? null;
}

/** One's microphone as one sees it: the wish first, the server's word once it has come. */
export function myMic(state) {
  return state.wished ?? myself(state)?.mic ?? "off";
}

/** Hosts and cohosts: may remove, ban, lock. */
export function governs(state) {
  return ["host", "cohost"].includes(myself(state)?.role);
}

/** Those who may also hand out the floor and mute. */
export function moderates(state) {
  return governs(state) || myself(state)?.role === "moderator";
}

/** People with raised hands, first hand first. */
export function hands(state) {
  return [...state.people.values()]
    .filter((person) => person.stage === "requested")
    .sort((a, b) => (a.hand_seq ?? 0) - (b.hand_seq ?? 0));
}
