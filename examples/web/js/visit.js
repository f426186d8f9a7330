// One visit to one room: joining, the picture of the room, the voice, and coming back after a
// loss. Joining is idempotent, so coming back is simply doing it all again.

import { EventStream } from "./events.js";
import { MediaLink } from "./media.js";
import { Microphone } from "./microphone.js";
import { apply } from "./room-events.js";
import { nodes } from "./nodes.js";
import { moderates, myMic, myself } from "./state.js";
import { announcement, endOf } from "./words.js";

/** In larger rooms nobody wants to hear about every arrival. */
const SMALL_ROOM = 12;
const PEOPLE_PAGES_MAX = 5;
/** A granted microphone answers at once; a question to the visitor must not delay the hearing. */
const MICROPHONE_PAUSE_MS = 600;
/** A new connection replaces an old one within this time; only then is the voice really lost. */
const REVIVE_MS = 2_000;

export class Visit {
  #api;
  #store;
  #onOver;
  #stream;
  #media;
  #microphone;
  #offerDue = true;
  #muting = null;
  #micEvents = 0;
  #over = false;

  /** `onOver(end)` runs once, when the stay has ended without one's own doing. */
  constructor(room, { api, store, session, onOver }) {
    this.room = room;
    this.#api = api;
    this.#store = store;
    this.#onOver = onOver;
    this.#microphone = new Microphone((microphone) => store.update({ microphone }));
    this.#media = new MediaLink({
      offer: (sdp) => this.#offer(sdp),
      onStatus: (media) => store.update({ media }),
      onBlocked: (soundBlocked) => store.update({ soundBlocked }),
    });
    this.#stream = new EventStream({
      room,
      session,
      prepare: () => this.#join(),
      load: () => this.#load(),
      event: (event) => this.#event(event),
      speaking: ({ participants, dominant }) =>
        store.update({ speaking: participants, dominant: dominant ?? null }),
      quality: ({ participant, quality }) =>
        store.update((draft) => {
          draft.quality = { ...draft.quality, [participant]: quality };
        }),
      live: () => {
        this.#offerDue = true;
        store.update({ stream: "live" });
      },
      down: () => store.update({ stream: "lost", speaking: [], dominant: null, quality: {} }),
      ended: () => this.#finish(endOf("ended", store.state.room?.name)),
      refused: (problem) => this.#finish({ ...refusal(problem) }),
    });
  }

  get pc() {
    return this.#media.pc;
  }

  begin() {
    this.#store.update({ stream: "connecting" });
    this.#stream.start();
  }

  /** Leaves the machine quiet: no sound, no microphone, no connection. */
  stop() {
    this.#over = true;
    this.#stream.stop();
    this.#media.close();
    this.#microphone.release();
  }

  /** Leaves politely. The page need not wait for the answer. */
  leave() {
    const { participant } = this.#store.state;
    this.stop();
    if (!participant) return;
    this.#api.command("rooms.leave", { room: this.room, participant }).catch(() => {});
  }

  unblockSound() {
    this.#media.unblock();
  }

  /** Runs a command about this room; a refusal becomes a sentence in the status line. */
  async command(name, data = {}) {
    try {
      await this.#api.command(name, { room: this.room, ...data });
      return true;
    } catch (problem) {
      this.#store.warn(problem.detail);
      return false;
    }
  }

  /** Asks for the microphone and sends it once it is there. */
  async useMicrophone() {
    const track = await this.#microphone.ask();
    if (!track || this.#over) return false;
    this.#gate();
    await this.#media.send(track);
    return true;
  }

  async toggleMute() {
    const mic = myMic(this.#store.state);
    if (mic === "off") return;
    if (mic === "locked") return this.#store.warn("A host has locked your microphone.");
    await this.setMuted(mic === "live");
  }

  /** Takes effect here at once and at the server a moment later; its word then counts. */
  async setMuted(muted) {
    if (!muted && !(await this.useMicrophone())) return;
    this.#store.update({ wished: muted ? "muted_self" : "live" });
    this.#gate();
    // Quick presses are sent one after the other, and only the last of those that wait.
    this.#muting ??= this.#sendMute().finally(() => {
      this.#muting = null;
    });
    await this.#muting;
  }

  async #sendMute() {
    const { state } = this.#store;
    let sent = null;
    while (state.wished && state.wished !== sent && !this.#over) {
      sent = state.wished;
      const told = this.#micEvents;
      const muted = sent === "muted_self";
      const done = await this.command("rooms.set_self_mute", {
        participant: state.participant,
        muted,
      });
      // An event about the microphone is newer than the answer, or says the same.
      if (done && state.wished === sent && told === this.#micEvents) {
        this.#store.update((draft) => {
          const me = myself(draft);
          if (me) draft.people.set(me.id, { ...me, mic: sent });
        });
      }
      if (!done) break;
    }
    this.#store.update({ wished: null });
    this.#gate();
  }

  async #join() {
    const stay = await this.#api.command("rooms.join", { room: this.room });
    if (this.#over) return;
    this.#store.update({ participant: stay.participant });
    if (!this.#offerDue) return;
    this.#offerDue = false;
    this.#speak(stay).then(() => this.#over || this.#media.connect());
  }

  /** Whoever may speak is asked for the microphone on the way in; listeners are left in peace. */
  async #speak({ participant, stage, mic }) {
    if (stage !== "speaker") return;
    const asked = this.#microphone.ask().then(async (track) => {
      if (this.#over) return;
      this.#gate(mic);
      if (track) return this.#media.send(track);
      // Without a microphone one is a listener, and the others should see that.
      if (mic === "live") await this.command("rooms.set_self_mute", { participant, muted: true });
    });
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, MICROPHONE_PAUSE_MS))]);
  }

  /** Lets sound through only while the microphone counts as live. */
  #gate(mic = myMic(this.#store.state)) {
    const { track } = this.#microphone;
    if (track) track.enabled = mic === "live";
  }

  async #offer(sdp) {
    try {
      return (await this.#api.post(`/api/rooms/${this.room}/media`, { sdp })).sdp;
    } catch (problem) {
      if (problem.passing) throw problem;
      if (problem.url && !nodes.goTo(problem.url)) throw problem;
      // The room is with another server, or one is not in it any more as this one sees it: join
      // again, then offer again.
      this.#offerDue = true;
      this.#stream.again();
      return null;
    }
  }

  async #load() {
    const room = await this.#api.get(`/api/rooms/${this.room}`);
    const people = new Map();
    let after = null;
    for (let page = 0; page < PEOPLE_PAGES_MAX; page += 1) {
      const query = after ? `?after=${encodeURIComponent(after)}` : "";
      const answer = await this.#api.get(`/api/rooms/${this.room}/participants${query}`);
      for (const person of answer.participants) people.set(person.id, person);
      after = answer.next;
      if (!after) break;
    }
    if (room.me) people.set(room.me.id, room.me);
    // The room is worth showing without.
    const unknown = () => ({ quality: [] });
    const { quality: levels } = await this.#api
      .get(`/api/rooms/${this.room}/quality`)
      .catch(unknown);
    const known = levels.map(({ participant, quality }) => [participant, quality]);
    // What was told live meanwhile is newer.
    const quality = { ...Object.fromEntries(known), ...this.#store.state.quality };
    const unlisted = after ? Math.max(0, room.active - people.size) : 0;
    this.#store.update({ room, people, unlisted, quality });
    this.#gate();
  }

  #event(event) {
    const { state } = this.#store;
    const { participant, by } = event.data;
    const mine = participant !== undefined && participant === state.participant;
    const nameOf = (id) => [...state.people.values()].find((one) => one.user === id)?.display_name;
    const sentence = announcement(event, {
      who: state.people.get(participant)?.display_name ?? event.data.display_name ?? "Someone",
      mine,
      by: by ? (nameOf(by) ?? "A host") : "A host",
      small: state.people.size <= SMALL_ROOM,
      hosting: moderates(state),
    });
    this.#store.update((draft) => apply(draft, event));
    // The server with the voices is gone, or has given them up: somebody else takes them.
    const isUnderWay = state.stream !== "live" || state.media === "connecting";
    if (event.name === "rooms.vacated" && !isUnderWay) this.#media.connect();
    if (mine) this.#mine(event, by ? nameOf(by) : null);
    if (sentence && !this.#over) this.#store.say(sentence);
  }

  #mine({ name, data }, by) {
    if (name === "rooms.mic_changed" || name === "rooms.speaker_added") {
      this.#micEvents += 1;
      // A host's word ends one's own wish.
      if (data.mic === "locked" || data.mic === "muted_server")
        this.#store.update({ wished: null });
      this.#gate();
    } else if (name === "rooms.speaker_removed") {
      this.#store.update({ wished: null });
      this.#gate();
    } else if (name === "rooms.reconnecting") {
      setTimeout(() => this.#reviveVoice(), REVIVE_MS);
    } else if (name === "rooms.left") {
      this.#finish(endOf(data.reason, this.#store.state.room?.name, by));
    }
  }

  /** The server has lost the voice though this side has not noticed: offer anew. */
  #reviveVoice() {
    const { state } = this.#store;
    const lost = myself(state)?.connection === "reconnecting" && state.media === "connected";
    if (lost && state.stream === "live" && !this.#over) this.#media.connect();
  }

  #finish(end) {
    if (this.#over) return;
    this.stop();
    this.#onOver(end);
  }
}

function refusal({ code, detail }) {
  const again = ["rooms.full", "rooms.locked"].includes(code);
  return { title: "You cannot come in", detail, again, gate: true };
}
