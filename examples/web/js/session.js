// Who the visitor is: a name and the token the server gave for it, remembered between visits.

import { send } from "./api.js";

const KEY = "parlor.identity";

export class Session {
  #identity = load();
  #renewing = null;
  #onChange;

  /** `onChange(me)` hears of every new identity. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** `{ user, name }`, or null for a first-time visitor. */
  get me() {
    return this.#identity && { user: this.#identity.user, name: this.#identity.name };
  }

  get token() {
    return this.#identity?.token ?? null;
  }

  /** Becomes a guest of this name. Throws the server's `Problem` when the name will not do. */
  async introduce(name) {
    const guest = await send("POST", "/api/guests", { display_name: name });
    this.#identity = { user: guest.user, name: guest.display_name, token: guest.token };
    save(this.#identity);
    this.#onChange(this.me);
  }

  /** Replaces a token that ran out. Requests that fail together share one renewal. */
  async renew(stale) {
    if (this.token !== stale) return;
    this.#renewing ??= this.introduce(this.#identity.name).finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }
}

function load() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found?.token && found?.name && found?.user ? found : null;
  } catch {
    return null;
  }
}

/** Private windows may refuse storage; the visit then lasts as long as the page. */
function save(identity) {
  try {
    localStorage.setItem(KEY, JSON.stringify(identity));
  } catch {
    // Nothing to do: the identity is still held in memory.
  }
}
