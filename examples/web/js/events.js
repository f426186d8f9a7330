// The event stream: one WebSocket that comes back by itself.
//
//   prepare() -> open -> token -> ready -> load() -> events … -> closed -> wait -> prepare() …
//
// Events that arrive while the snapshot is loading are held back and applied after it.

import { Backoff, pause } from "./backoff.js";
import { Problem } from "./api.js";
import { nodes } from "./nodes.js";

/** The server is silent for this long after opening: the connection is dead, try another. */
const READY_MS = 10_000;
const CLOSED_LOST = 1006;
const CLOSED_STAY_ENDED = 4000;
const CLOSED_UNAUTHENTICATED = 4401;

export class EventStream {
  #options;
  #stop = new AbortController();
  #socket = null;
  #wanted = false;
  #backoff = new Backoff();

  /**
   * Options: `room` (id or null), `session`, and the callbacks `prepare()`, `load(position)`,
   * `event(event)`, `speaking(now)`, `quality(change)`, `live()`, `down()`, `ended()`, `refused(problem)`.
   */
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.#run();
  }

  stop() {
    this.#stop.abort();
    this.#socket?.close();
  }

  /** Drops the connection, so that it is prepared and opened anew. */
  again() {
    this.#wanted = true;
    this.#socket?.close();
  }

  async #run() {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#options.prepare?.();
        if (signal.aborted) return;
        const code = await this.#connection();
        if (signal.aborted) return;
        if (code === CLOSED_STAY_ENDED) {
          this.stop();
          return this.#options.ended?.();
        }
        if (code === CLOSED_LOST && !this.#wanted) nodes.next();
        this.#wanted = false;
        if (code === CLOSED_UNAUTHENTICATED) {
          await this.#options.session.renew(this.#options.session.token);
        }
      } catch (problem) {
        if (signal.aborted) return;
        // Anything but a refusal is worth another attempt; a mistake of ours is also reported.
        if (!(problem instanceof Problem)) console.error(problem);
        else if (problem.status === 0) nodes.next();
        else if (!problem.passing) {
          this.stop();
          return this.#options.refused?.(problem);
        }
      }
      this.#options.down();
      await pause(this.#backoff.next(), signal);
    }
  }

  /** One connection from opening to closing; resolves with the close code. */
  #connection() {
    const { room, session } = this.#options;
    const socket = new WebSocket(`${nodes.base.replace(/^http/, "ws")}/api/events`);
    this.#socket = socket;
    let held = [];
    const impatient = setTimeout(() => socket.close(), READY_MS);

    const ready = async (position) => {
      clearTimeout(impatient);
      try {
        await this.#options.load(position);
      } catch {
        return socket.close();
      }
      if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
      for (const event of held) if (event.position > position) this.#options.event(event);
      held = null;
      this.#backoff.reset();
      this.#options.live();
    };

    return new Promise((resolve) => {
      socket.onopen = () => socket.send(JSON.stringify({ token: session.token, room }));
      socket.onclose = ({ code }) => {
        clearTimeout(impatient);
        // The end of one's stay may be told before the snapshot was there: do not lose it.
        for (const event of held ?? []) if (code === CLOSED_STAY_ENDED) this.#options.event(event);
        resolve(code);
      };
      socket.onmessage = ({ data }) => {
        if (this.#stop.signal.aborted) return;
        const frame = JSON.parse(data);
        if (frame.ready) {
          nodes.learn(frame.ready.nodes);
          ready(frame.ready.position);
        } else if (frame.event && held) held.push(frame.event);
        else if (frame.event) this.#options.event(frame.event);
        else if (frame.speaking) this.#options.speaking?.(frame.speaking);
        else if (frame.quality) this.#options.quality?.(frame.quality);
      };
    });
  }
}
