// The first view: a name is all it takes.

import { h } from "../dom.js";
import { complainAt, field } from "./field.js";

export function welcomeView(app) {
  const invited = app.store.state.target !== null;
  const name = field(
    "Your name",
    (id) =>
      h("input", {
        id,
        name: "display_name",
        type: "text",
        autocomplete: "nickname",
        autocapitalize: "words",
        spellcheck: "false",
        value: app.store.state.me?.name ?? "",
      }),
    "This is how others see you.",
  );
  const button = h(
    "button",
    { class: "button primary wide", type: "submit" },
    invited ? "Join the room" : "Continue",
  );
  const form = h("form", { novalidate: true, on: { submit } }, name.node, button);

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await app.introduce(name.input.value);
    } catch (problem) {
      button.disabled = false;
      complainAt({ display_name: name }, problem, (sentence) => name.complain(sentence));
    }
  }

  const node = h(
    "section",
    { class: "lone", "aria-labelledby": "welcome-title" },
    h(
      "h1",
      { id: "welcome-title", tabindex: "-1" },
      invited ? "You are invited" : "Come in and talk",
    ),
    h(
      "p",
      { class: "lead" },
      invited
        ? "This link leads into a voice room. Say who you are and you are in."
        : "Voice rooms for small talk and large audiences. No account, nothing to install.",
    ),
    form,
  );
  return { node, title: "Welcome", update() {}, focus: () => name.input.focus() };
}
