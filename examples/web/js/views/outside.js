// Two short views: not let in, and the stay is over.

import { h } from "../dom.js";

export function outsideView(app) {
  const { end, target } = app.store.state;
  const heading = h("h1", { tabindex: "-1" }, end.title);
  const back = h("a", { class: "button primary", href: "#/" }, "Back to the rooms");
  const again =
    end.again &&
    h(
      "button",
      { class: "button", type: "button", on: { click: () => app.enter(target) } },
      end.gate ? "Try again" : "Join again",
    );
  const node = h(
    "section",
    { class: "lone", "aria-label": end.title },
    heading,
    h("p", { class: "lead", id: "end-detail" }, end.detail),
    h("div", { class: "row" }, back, again || null),
  );
  return { node, title: end.title, update() {}, focus: () => heading.focus() };
}
