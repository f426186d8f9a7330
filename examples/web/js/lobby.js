// The lobby: rooms as they come, fill, empty and go.

import { EventStream } from "./events.js";

const SEARCH_PAUSE_MS = 200;

export class Lobby {
  #api;
  #store;
  #stream;
  #timer = null;
  #request = 0;

  constructor({ api, store, session }) {
    this.#api = api;
    this.#store = store;
    this.#stream = new EventStream({
      room: null,
      session,
      load: () => this.#load(),
      event: (event) => store.update((state) => applyListing(state.lobby, event)),
      live: () => store.update({ stream: "live" }),
      down: () => store.update({ stream: "lost" }),
      refused: (problem) => store.warn(problem.detail),
    });
  }

  open() {
    this.#store.update((state) => {
      state.stream = "connecting";
      state.lobby = { rooms: [], next: null, search: "", loaded: false };
    });
    this.#stream.start();
  }

  close() {
    clearTimeout(this.#timer);
    this.#request += 1;
    this.#stream.stop();
  }

  search(words) {
    this.#store.update((state) => {
      state.lobby.search = words;
    });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load().catch(() => {}), SEARCH_PAUSE_MS);
  }

  async more() {
    const { next } = this.#store.state.lobby;
    if (!next) return;
    try {
      await this.#load(next);
    } catch (problem) {
      this.#store.warn(problem.detail);
    }
  }

  async #load(after = null) {
    this.#request += 1;
    const request = this.#request;
    const query = new URLSearchParams();
    const search = this.#store.state.lobby.search.trim();
    if (search) query.set("search", search);
    if (after) query.set("after", after);
    const page = await this.#api.get(`/api/rooms${query.size ? `?${query}` : ""}`);
    if (request !== this.#request) return;
    this.#store.update(({ lobby }) => {
      const kept = after ? lobby.rooms : [];
      const known = new Set(kept.map(({ room }) => room));
      lobby.rooms = [...kept, ...page.rooms.filter(({ room }) => !known.has(room))];
      lobby.next = page.next;
      lobby.loaded = true;
    });
  }
}

function applyListing(lobby, { name, data }) {
  const others = lobby.rooms.filter(({ room }) => room !== data.room);
  if (name === "rooms.delisted") {
    lobby.rooms = others;
  } else if (name === "rooms.listed") {
    const known = others.length < lobby.rooms.length;
    if (!known && !matches(data, lobby.search)) return;
    const rooms = known
      ? lobby.rooms.map((listing) =>
          listing.room === data.room ? { ...listing, ...data } : listing,
        )
      : [data, ...others];
    // A stable sort: rooms with as many people stay where the reader last saw them.
    lobby.rooms = rooms.sort((a, b) => b.active - a.active);
  }
}

/** The server's rule for a card that arrives while a search is on: every word is a prefix. */
function matches(listing, search) {
  const wanted = words(search);
  const found = words(`${listing.name} ${listing.description}`);
  return wanted.every((word) => found.some((candidate) => candidate.startsWith(word)));
}

function words(phrase) {
  const plain = phrase.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}
