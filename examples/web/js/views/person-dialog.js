// What a host can do for, and with, one person.

import { avatar } from "../avatar.js";
import { h, keyed, text } from "../dom.js";
import { icon } from "../icons.js";
import { governs } from "../state.js";
import { micPhrase, roleName } from "../words.js";
import { dialog } from "./dialog.js";

export function personDialog(app) {
  const picture = h("span", {});
  const note = h("p", { class: "dialog-note" });
  const actions = h("div", { class: "actions" });
  const reason = h("input", {
    type: "text",
    id: "ban-reason",
    name: "reason",
    autocomplete: "off",
  });
  const confirm = h(
    "form",
    { class: "confirm", hidden: true, on: { submit: ban } },
    h("label", { for: "ban-reason" }, "Reason (optional)"),
    reason,
    h(
      "div",
      { class: "row" },
      h("button", { class: "button danger", type: "submit" }, "Ban from this room"),
      h("button", { class: "button quiet", type: "button", on: { click: ask(false) } }, "Cancel"),
    ),
  );
  const frame = dialog("Person", picture, note, actions, confirm);
  let shown = null;

  function ask(wanted) {
    return () => {
      confirm.hidden = !wanted;
      actions.hidden = wanted;
      (wanted ? reason : actions.querySelector("button"))?.focus();
    };
  }

  async function run(command, data) {
    frame.close();
    await app.visit.command(command, data);
  }

  function ban(event) {
    event.preventDefault();
    const { user } = app.store.state.people.get(shown);
    const words = reason.value.trim();
    run("rooms.ban", words ? { user, reason: words } : { user });
  }

  function open(id) {
    const person = app.store.state.people.get(id);
    if (!person) return;
    shown = id;
    reason.value = "";
    confirm.hidden = true;
    actions.hidden = false;
    picture.replaceChildren(avatar(person.user, person.display_name));
    update(app.store.state);
    frame.open();
  }

  function update(state) {
    if (!shown) return;
    const person = state.people.get(shown);
    if (!person) {
      shown = null;
      return frame.close();
    }
    frame.name(person.display_name);
    const phrases = [roleName(person.role), micPhrase(person)].filter(Boolean).join(", ");
    text(note, phrases.charAt(0).toUpperCase() + phrases.slice(1));
    keyed(
      actions,
      choices(state, person),
      (choice) => choice.label,
      (choice) => {
        const start = () =>
          choice.ask ? ask(true)() : run(choice.command, { participant: person.id });
        const button = h(
          "button",
          { class: `action ${choice.grave ? "grave" : ""}`, type: "button", on: { click: start } },
          icon(choice.icon),
          choice.label,
        );
        return { node: button, update() {} };
      },
    );
  }

  // The buttons belong to one person; a fresh list is made for the next.
  frame.onClose(() => {
    shown = null;
    keyed(actions, [], String, String);
  });
  return { node: frame.node, open, update };
}

/** What makes sense now; the server has the last word on what is allowed. */
function choices(state, person) {
  const listed = [];
  const add = (command, label, sign, more = {}) =>
    listed.push({ command: `rooms.${command}`, label, icon: sign, ...more });
  const speaker = person.stage === "speaker";

  if (!speaker) {
    add("grant_floor", "Give the floor", "mic");
    if (person.stage === "audience") add("invite_to_speak", "Invite to speak", "up");
    if (person.stage === "requested") add("lower_hand", "Lower the hand", "hand");
  } else {
    if (person.mic === "live") add("mute", "Mute", "mic-off");
    if (person.mic === "locked") add("unlock_mic", "Unlock the microphone", "unlock");
    else add("lock_mic", "Lock the microphone", "lock");
    if (state.room.stage_mode === "moderated" && person.role !== "host") {
      add("move_to_audience", "Move to the audience", "down");
    }
  }
  if (governs(state) && person.role !== "host") {
    add("kick", "Remove from the room", "out", { grave: true });
    add("ban", "Ban…", "ban", { grave: true, ask: true });
  }
  return listed;
}
