import { h } from "./dom.js";

/** The number of avatar hues; the style sheet defines `.hue-0` and so on. */
const HUES = 12;

/** A round avatar with initials. The same person has the same colour everywhere. */
export function avatar(user, name, size = "") {
  return h(
    "span",
    { class: `avatar hue-${hueOf(user)} ${size}`.trim(), "aria-hidden": "true" },
    initials(name),
  );
}

/** The first letters of the first and last word, counted as a reader sees letters. */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  if (words.length === 0) return "?";
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return ends.map((word) => firstLetter(word).toLocaleUpperCase()).join("");
}

function firstLetter(word) {
  if (!Intl.Segmenter) return Array.from(word)[0];
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word);
  return first.segment;
}

/** FNV-1a: short, stable, and spreads ids well enough for a dozen colours. */
function hueOf(user) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < user.length; at += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(at), 0x01000193) >>> 0;
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}
