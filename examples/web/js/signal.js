// Bars for how good a connection is. They are decoration: the words are in the person's description.

import { attribute } from "./dom.js";
import { qualityPhrase } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const BARS = 3;
const LIT = { excellent: 3, good: 2, poor: 1, lost: 0 };

/** Answers `{ node, update(quality) }`; nothing is shown while the quality is not known. */
export function signal() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 14 12");
  svg.setAttribute("aria-hidden", "true");
  const bars = Array.from({ length: BARS }, (_, at) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = 4 + at * 4;
    for (const [name, value] of Object.entries({
      x: at * 5,
      y: 12 - height,
      width: 3.5,
      height,
      rx: 1,
    })) {
      bar.setAttribute(name, value);
    }
    svg.append(bar);
    return bar;
  });
  const title = document.createElementNS(SVG, "title");
  svg.prepend(title);
  svg.setAttribute("class", "signal");

  function update(quality) {
    const known = quality in LIT;
    attribute(svg, "data-quality", known ? quality : null);
    svg.toggleAttribute("hidden", !known);
    bars.forEach((bar, at) => attribute(bar, "class", at < LIT[quality] ? "lit" : null));
    const phrase = qualityPhrase(quality);
    if (title.textContent !== phrase) title.textContent = phrase;
  }
  update(null);
  return { node: svg, update };
}
