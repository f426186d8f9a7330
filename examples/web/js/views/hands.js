// One raised hand in the host's queue.

import { avatar } from "../avatar.js";
import { h, text } from "../dom.js";

export function handRow(app, person) {
  const name = h("span", { class: "hand-name" });
  const give = h("button", { class: "button small primary", type: "button" }, "Give the floor");
  const lower = h("button", { class: "button small quiet", type: "button" }, "Not now");
  const run = (command) => () => app.visit.command(command, { participant: person.id });
  give.addEventListener("click", run("rooms.grant_floor"));
  lower.addEventListener("click", run("rooms.lower_hand"));
  const node = h(
    "li",
    { class: "hand" },
    avatar(person.user, person.display_name, "small"),
    h("span", { class: "hand-words" }, name, " raised a hand"),
    give,
    lower,
  );
  function update(now) {
    text(name, now.display_name);
    give.setAttribute("aria-label", `Give the floor to ${now.display_name}`);
    lower.setAttribute("aria-label", `Not now, lower the hand of ${now.display_name}`);
  }
  return { node, update };
}
