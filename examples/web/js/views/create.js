// Starting a room: a name and a click; everything else is optional.

import { h, show, text } from "../dom.js";
import { complainAt, field } from "./field.js";

const CAPACITY_DEFAULT = 1000;

export function createPanel(app) {
  const { me } = app.store.state;
  const name = field("Name", (id) =>
    h("input", { id, name: "name", type: "text", autocomplete: "off", value: `${me.name}’s room` }),
  );
  const description = field("Description", (id) =>
    h("textarea", { id, name: "description", rows: "3", placeholder: "What is it about?" }),
  );
  const capacity = field("Places", (id) =>
    h("input", {
      id,
      name: "max_participants",
      type: "number",
      inputmode: "numeric",
      value: String(CAPACITY_DEFAULT),
    }),
  );
  const open = stage("open_floor", "Everybody may talk", true);
  const moderated = stage(
    "moderated",
    "A stage: people raise a hand and you give the floor",
    false,
  );
  const error = h("p", { class: "field-error", role: "alert", hidden: true });
  const button = h("button", { class: "button primary wide", type: "submit" }, "Start talking");

  async function submit(event) {
    event.preventDefault();
    show(error, false);
    button.disabled = true;
    try {
      await app.create({
        name: name.input.value,
        description: description.input.value,
        max_participants: capacity.input.valueAsNumber || 0,
        stage_mode: moderated.input.checked ? "moderated" : "open_floor",
      });
    } catch (problem) {
      button.disabled = false;
      complainAt({ name, description, max_participants: capacity }, problem, (sentence) => {
        text(error, sentence);
        show(error, true);
      });
    }
  }

  return h(
    "section",
    { class: "create", "aria-labelledby": "create-title" },
    h("h2", { id: "create-title" }, "Start a room"),
    h(
      "form",
      { novalidate: true, on: { submit } },
      name.node,
      h(
        "details",
        { class: "options" },
        h("summary", {}, "Options"),
        description.node,
        capacity.node,
        h(
          "fieldset",
          { class: "field" },
          h("legend", {}, "Who may talk"),
          open.node,
          moderated.node,
        ),
      ),
      button,
      error,
    ),
  );
}

function stage(value, label, checked) {
  const input = h("input", { type: "radio", name: "stage_mode", value, checked });
  return { input, node: h("label", { class: "choice" }, input, h("span", {}, label)) };
}
