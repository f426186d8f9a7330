// Waiting between attempts: doubling, capped, and with jitter, so that after a server restart a
// thousand pages do not knock on the same millisecond.

const FIRST_MS = 400;
const LAST_MS = 10_000;

export class Backoff {
  #attempt = 0;

  /** The next wait in milliseconds: between half of the step and the whole step. */
  next() {
    const step = Math.min(LAST_MS, FIRST_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    return step / 2 + (Math.random() * step) / 2;
  }

  reset() {
    this.#attempt = 0;
  }
}

/** Resolves after `ms`, or at once when the signal aborts or the machine comes back online. */
export function pause(ms, signal) {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    signal?.addEventListener("abort", done);
  });
}
