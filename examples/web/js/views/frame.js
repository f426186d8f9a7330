// What surrounds every view: the header and the two live regions at the foot of the page.

import { avatar } from "../avatar.js";
import { h, show, text } from "../dom.js";
import { icon } from "../icons.js";

const NOTICE_MS = 6_000;
const ALERT_MS = 12_000;

export function frame(app) {
  const name = h("span", { class: "whoami-name" });
  const picture = h("span", { class: "whoami-picture" });
  const who = h(
    "button",
    { class: "whoami", type: "button", on: { click: () => app.changeName() } },
    picture,
    name,
    h("span", { class: "visually-hidden" }, ", change your name"),
  );
  const home = h(
    "a",
    { class: "brand", href: "#/" },
    h("span", { class: "brand-mark" }, icon("mark")),
    "Parlor",
  );
  document.getElementById("top").append(h("div", { class: "top-inner" }, home, who));

  const status = document.getElementById("status");
  const alert = document.getElementById("alert");
  let shown = null;
  let drawn = null;
  let timer = null;

  function say(notice) {
    shown = notice;
    clearTimeout(timer);
    timer = setTimeout(
      () => app.store.update({ notice: null }),
      notice.alert ? ALERT_MS : NOTICE_MS,
    );
  }

  return function update(state) {
    show(who, state.me !== null);
    if (state.me && drawn !== state.me.user) {
      drawn = state.me.user;
      text(name, state.me.name);
      picture.replaceChildren(avatar(state.me.user, state.me.name, "tiny"));
    }
    // Within a room the name is fixed: it is what the others see.
    who.disabled = state.view === "room";
    document.body.dataset.view = state.view;

    if (state.notice && state.notice !== shown) say(state.notice);
    const connection = connectionLine(state);
    text(alert, state.notice?.alert ? state.notice.text : "");
    text(status, connection ?? (state.notice && !state.notice.alert ? state.notice.text : ""));
    status.classList.toggle("working", connection !== null);
  };
}

/** The state of the connection, while there is something to say about it. */
function connectionLine(state) {
  if (!["lobby", "room"].includes(state.view)) return null;
  if (!navigator.onLine && state.stream === "lost") {
    return "You are offline. This page comes back by itself.";
  }
  if (state.stream === "lost") return "Connection lost. Trying again…";
  if (state.view !== "room" || !state.room) return null;
  if (state.media === "lost") return "The sound was lost. Connecting it again…";
  if (state.media === "connecting") return "Connecting the sound…";
  return null;
}
