// A modal dialog: the browser keeps the focus inside, Escape closes it, and the focus goes back
// to where it came from.

import { freshId, h, text } from "../dom.js";
import { icon } from "../icons.js";

export function dialog(title, ...children) {
  const id = freshId("dialog");
  const heading = h("h2", { id }, title);
  const close = h(
    "button",
    { class: "close", type: "button", "aria-label": "Close", on: { click: () => node.close() } },
    icon("close"),
  );
  const body = h("div", { class: "dialog-body" }, heading, ...children, close);
  const node = h("dialog", { "aria-labelledby": id }, body);
  // A click on the backdrop has the dialog itself as its target.
  node.addEventListener("click", ({ target }) => target === node && node.close());
  return {
    node,
    open: () => node.open || node.showModal(),
    close: () => node.open && node.close(),
    isOpen: () => node.open,
    name: (words) => text(heading, words),
    onClose: (run) => node.addEventListener("close", run),
  };
}
