// Browsing rooms, searching them, and starting one.

import { attribute, h, keyed, show, text } from "../dom.js";
import { icon } from "../icons.js";
import { count } from "../words.js";
import { createPanel } from "./create.js";

export function lobbyView(app) {
  const search = h("input", {
    type: "search",
    id: "room-search",
    name: "search",
    placeholder: "Search rooms",
    autocomplete: "off",
    "aria-controls": "room-list",
    on: { input: () => app.lobby.search(search.value) },
  });
  const list = h("ul", { class: "rooms", id: "room-list", role: "list" });
  const empty = h("p", { class: "empty", hidden: true });
  const more = h(
    "button",
    { class: "button", type: "button", hidden: true, on: { click: () => app.lobby.more() } },
    "Show more rooms",
  );
  const total = h("p", { class: "visually-hidden", role: "status" });
  const heading = h("h1", { tabindex: "-1" }, "Rooms");

  const node = h(
    "div",
    { class: "lobby" },
    h(
      "section",
      { class: "browse", "aria-label": "Rooms" },
      h(
        "div",
        { class: "browse-head" },
        heading,
        h(
          "div",
          { class: "search", role: "search" },
          icon("search"),
          h("label", { class: "visually-hidden", for: "room-search" }, "Search rooms"),
          search,
        ),
      ),
      list,
      empty,
      more,
      total,
    ),
    createPanel(app),
  );

  function update({ lobby }) {
    keyed(list, lobby.rooms, ({ room }) => room, card);
    show(empty, lobby.loaded && lobby.rooms.length === 0);
    text(
      empty,
      lobby.search.trim()
        ? "No room matches these words."
        : "It is quiet here. Start a room and invite somebody.",
    );
    show(more, lobby.next !== null, search);
    // Read out only what a search has found; the rest changes too often to be told.
    text(total, lobby.search.trim() ? `${count(lobby.rooms.length, "room", "rooms")} found` : "");
  }

  return { node, title: "Rooms", update, focus: () => heading.focus() };
}

function card(listing) {
  const name = h("h2", { class: "card-name" });
  const description = h("p", { class: "card-description" });
  const people = h("span", { class: "card-people" });
  const marks = h("span", { class: "card-marks" });
  const join = h("a", { class: "button small", href: `#/room/${listing.room}` }, "Join");
  const node = h(
    "li",
    { class: "card" },
    h("div", { class: "card-words" }, name, description),
    h("div", { class: "card-foot" }, people, marks, join),
  );

  function update(room) {
    const full = room.active >= room.max_participants;
    node.classList.toggle("live", room.active > 0);
    text(name, room.name);
    text(description, room.description);
    show(description, room.description !== "");
    text(people, room.active > 0 ? count(room.active, "person", "people") : "Nobody yet");
    const notes = [
      room.owner_name && `by ${room.owner_name}`,
      room.stage_mode === "moderated" && "Stage",
      room.locked && "Locked",
      full && "Full",
    ].filter(Boolean);
    text(marks, notes.join(" · "));
    attribute(join, "aria-label", `Join ${room.name}`);
  }
  return { node, update };
}
