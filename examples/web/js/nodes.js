// Which of several servers is spoken to. Any of them answers for any room; the voice goes to the
// one that has the room, and when one is gone the next one is tried.

let known = [location.origin];
let at = 0;
/** When a server last did not answer. For longer than its rooms stay its own, it is not asked. */
const silent = new Map();
const SILENT_MS = 15_000;

export const nodes = {
  /** Where requests and the event stream go. */
  get base() {
    return known[at];
  },

  /** What a server says of the others. */
  learn(urls) {
    const base = known[at];
    known = [...new Set([base, ...(urls ?? []), location.origin])];
    at = 0;
  },

  /** Answers whether it is worth a try: one that was silent a moment ago is still being missed. */
  goTo(url) {
    if (Date.now() - (silent.get(url) ?? -Infinity) < SILENT_MS) return false;
    known = [...new Set([url, ...known])];
    at = 0;
    return true;
  },

  /** The one spoken to does not answer. */
  next() {
    silent.set(known[at], Date.now());
    at = (at + 1) % known.length;
  },
};
