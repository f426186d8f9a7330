// Line icons on a 24 by 24 grid. They are decoration: the words beside them, or the label of the
// button around them, carry the meaning.

const PATHS = {
  mark: "M5 10v4M9.7 6v12M14.3 8.5v7M19 10.8v2.4",
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  "mic-off":
    "M9 9.5V11a3 3 0 0 0 4.6 2.5M15 11V6a3 3 0 0 0-5.7-1.3M5.5 11a6.5 6.5 0 0 0 10.4 5.2M18.5 11a6.5 6.5 0 0 1-.7 2.9M12 17.5V21M4 4l16 16",
  lock: "M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11zM8 11V7.8a4 4 0 0 1 8 0V11",
  unlock:
    "M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11zM8 11V7.8a4 4 0 0 1 7.7-1.5",
  hand: "M7.5 12.5V6.8a1.4 1.4 0 0 1 2.8 0M10.3 11V4.9a1.4 1.4 0 0 1 2.8 0V11M13.1 11V6a1.4 1.4 0 0 1 2.8 0v6M15.9 9.5a1.4 1.4 0 0 1 2.8 0V15a6 6 0 0 1-6 6h-.8a6 6 0 0 1-4.9-2.5L4.2 14.9a1.4 1.4 0 0 1 2.2-1.7l1.1 1.2",
  leave: "M10 4.5H6.5A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.5H10M15 8l4 4-4 4M19 12H10",
  link: "M10 13.8a4 4 0 0 0 5.8.2l2.7-2.7a4 4 0 0 0-5.7-5.7l-1.2 1.2M14 10.2a4 4 0 0 0-5.8-.2l-2.7 2.7a4 4 0 0 0 5.7 5.7l1.2-1.2",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM20 20l-4.7-4.7",
  back: "M19 12H5.5M11 6l-6 6 6 6",
  sliders:
    "M4 8h9M17.5 8H20M15.2 5.8a2.2 2.2 0 1 0 .01 0zM4 16h2.5M11 16h9M8.8 13.8a2.2 2.2 0 1 0 .01 0z",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v13M6 12.5l6 6 6-6",
  up: "M12 19V6M6 11.5l6-6 6 6",
  ban: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.4 6.4l11.2 11.2",
  out: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3.5 20a6.5 6.5 0 0 1 11-4.7M16 18h5",
  people:
    "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.8 19.5a6.2 6.2 0 0 1 12.4 0M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14a6.2 6.2 0 0 1 3.2 5.5",
  sound: "M4.5 9.5h3L12 5.5v13l-4.5-4h-3zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11",
  signal: "M5 19v-3M10 19v-6.5M15 19V9M20 19V5",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
};

/** A decorative icon of the given name. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Turns an existing icon into another one. */
export function setIcon(svg, name) {
  const path = svg.firstElementChild;
  if (path.getAttribute("d") !== PATHS[name]) path.setAttribute("d", PATHS[name]);
}
