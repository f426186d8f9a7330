// What the hosts can do with the room as a whole.

import { h, keyed, show, text } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { dialog } from "./dialog.js";

export function roomDialog(app) {
  const lockIcon = icon("lock");
  const lockLabel = h("span", {}, "");
  const lock = h(
    "button",
    { class: "action", type: "button", on: { click: toggleLock } },
    lockIcon,
    lockLabel,
  );
  const close = h(
    "button",
    { class: "action grave", type: "button", on: { click: () => ask(true) } },
    icon("close"),
    "Close the room for everybody",
  );
  const confirm = h(
    "div",
    { class: "confirm", hidden: true },
    h("p", {}, "Everybody leaves and the room cannot be opened again."),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        { class: "button danger", type: "button", on: { click: () => run("rooms.close") } },
        "Close the room",
      ),
      h(
        "button",
        { class: "button quiet", type: "button", on: { click: () => ask(false) } },
        "Cancel",
      ),
    ),
  );
  const bans = h("ul", { class: "bans", role: "list" });
  const noBans = h("p", { class: "hint" }, "Nobody is banned.");
  const frame = dialog(
    "Manage the room",
    h("div", { class: "actions" }, lock, close),
    confirm,
    h("h3", { class: "section-title" }, "Bans"),
    bans,
    noBans,
  );
  let banned = [];

  function ask(wanted) {
    confirm.hidden = !wanted;
    close.hidden = wanted;
    (wanted ? confirm.querySelector("button") : close).focus();
  }

  async function run(command) {
    frame.close();
    await app.visit.command(command);
  }

  async function toggleLock() {
    await app.visit.command(app.store.state.room.locked ? "rooms.unlock" : "rooms.lock");
  }

  async function loadBans() {
    try {
      const answer = await app.api.get(`/api/rooms/${app.visit.room}/bans`);
      banned = answer.bans;
    } catch (problem) {
      app.store.warn(problem.detail);
    }
    drawBans();
  }

  function drawBans() {
    keyed(
      bans,
      banned,
      ({ user }) => user,
      (ban) => {
        const name = h("span", {}, ban.display_name);
        const lift = h("button", { class: "button small", type: "button" }, "Lift");
        lift.setAttribute("aria-label", `Lift the ban of ${ban.display_name}`);
        lift.addEventListener("click", async () => {
          if (await app.visit.command("rooms.lift_ban", { user: ban.user })) await loadBans();
        });
        return { node: h("li", {}, name, lift), update() {} };
      },
    );
    show(noBans, banned.length === 0);
  }

  return {
    node: frame.node,
    open() {
      confirm.hidden = true;
      close.hidden = app.store.state.room.owner !== app.store.state.me.user;
      frame.open();
      loadBans();
    },
    update(state) {
      text(lockLabel, state.room.locked ? "Unlock the room" : "Lock the room: nobody new comes in");
      setIcon(lockIcon, state.room.locked ? "unlock" : "lock");
    },
  };
}
