// Which of several servers is spoken to. Any of them answers for any room; the voice goes to the
// one that has the room, and when one is gone the next one is tried.

let known = [location.origin];
let at = 0;

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

  goTo(url) {
    known = [...new Set([url, ...known])];
    at = 0;
  },

  /** The one spoken to does not answer. */
  next() {
    at = (at + 1) % known.length;
  },
};
