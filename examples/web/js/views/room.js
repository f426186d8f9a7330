// The room: who is here, who speaks, who wants to.

import { h, keyed, show, text } from "../dom.js";
import { icon } from "../icons.js";
import { governs, hands, moderates, myself } from "../state.js";
import { count } from "../words.js";
import { controls } from "./controls.js";
import { handRow } from "./hands.js";
import { banners } from "./banners.js";
import { personDialog } from "./person-dialog.js";
import { personTile } from "./person.js";
import { roomDialog } from "./room-dialog.js";

/** Beyond this many faces the rest is a number; the page stays quick and readable. */
const FACES_MAX = 200;

export function roomView(app) {
  const heading = h("h1", { tabindex: "-1" }, "Joining…");
  const about = h("p", { class: "room-about", hidden: true });
  const facts = h("p", { class: "room-facts" });
  const manage = h(
    "button",
    { class: "button quiet", type: "button", hidden: true, on: { click: () => settings.open() } },
    icon("sliders"),
    "Manage",
  );
  const share = h(
    "button",
    { class: "button quiet", type: "button", on: { click: copyLink } },
    icon("link"),
    "Copy link",
  );

  const stageTitle = h("h2", { class: "section-title" }, "On stage");
  const stage = h("ul", { class: "people stage", role: "list", "aria-label": "Speakers" });
  const silence = h("p", { class: "empty", hidden: true }, "Nobody is on stage yet.");
  const audienceTitle = h("h2", { class: "section-title" });
  const audience = h("ul", { class: "people audience", role: "list", "aria-label": "Audience" });
  const audienceSection = h("section", { hidden: true }, audienceTitle, audience);
  const unlisted = h("p", { class: "empty", hidden: true });
  const queue = h("ol", { class: "hands", role: "list" });
  const queueSection = h(
    "section",
    { class: "hands-section", hidden: true, "aria-labelledby": "hands-title" },
    h("h2", { class: "visually-hidden", id: "hands-title" }, "Raised hands"),
    queue,
  );

  const settings = roomDialog(app);
  const manager = personDialog(app);
  const notes = banners(app);
  const bar = controls(app);
  const tile = (person) => personTile(app, person, manager.open);

  const node = h(
    "article",
    { class: "room", "aria-label": "Room" },
    h(
      "header",
      { class: "room-head" },
      h("div", { class: "room-words" }, heading, about, facts),
      h("div", { class: "room-tools" }, share, manage),
    ),
    notes.node,
    queueSection,
    h("section", { class: "stage-section" }, stageTitle, stage, silence),
    audienceSection,
    unlisted,
    bar.node,
    settings.node,
    manager.node,
  );

  async function copyLink() {
    try {
      await navigator.clipboard.writeText(location.href);
      app.store.say("The link is copied. Send it to whoever you want to talk to.");
    } catch {
      app.store.say(`Share this address: ${location.href}`);
    }
  }

  function update(state) {
    const { room } = state;
    if (!room) return;
    const people = [...state.people.values()];
    const onStage = people.filter((person) => person.stage === "speaker").sort(byRank);
    const speakers = onStage.slice(0, FACES_MAX);
    const listeners = people.filter((person) => person.stage !== "speaker");
    const faces = listeners.slice(0, FACES_MAX);
    const beyond = people.length - speakers.length - faces.length + state.unlisted;

    text(heading, room.name);
    text(about, room.description);
    show(about, room.description !== "");
    const all = people.length + state.unlisted;
    const kind = room.stage_mode === "moderated" ? "Stage and audience" : "Everybody may talk";
    text(
      facts,
      [count(all, "person", "people"), kind, room.locked && "Locked"].filter(Boolean).join(" · "),
    );
    show(manage, governs(state), share);
    text(stageTitle, room.stage_mode === "moderated" ? "On stage" : "In the room");
    keyed(stage, speakers, ({ id }) => id, tile);
    show(silence, speakers.length === 0);
    keyed(audience, faces, ({ id }) => id, tile);
    show(audienceSection, listeners.length > 0);
    text(audienceTitle, `Audience · ${(listeners.length + state.unlisted).toLocaleString()}`);
    show(unlisted, beyond > 0);
    text(unlisted, `and ${beyond.toLocaleString()} more`);

    const waiting = moderates(state) ? hands(state) : [];
    keyed(
      queue,
      waiting,
      ({ id }) => id,
      (person) => handRow(app, person),
    );
    show(queueSection, waiting.length > 0, heading);

    notes.update(state);
    bar.update(state);
    settings.update(state);
    manager.update(state);
  }

  return {
    node,
    get title() {
      return app.store.state.room?.name ?? "Joining";
    },
    update,
    focus: () => heading.focus(),
    key(event) {
      if (event.key.toLowerCase() === "m" && myself(app.store.state)) app.visit?.toggleMute();
    },
  };
}

const RANKS = ["host", "cohost", "moderator", "member", "guest"];

/** Hosts first, then the order of arrival, so that nobody jumps about while people talk. */
function byRank(a, b) {
  return RANKS.indexOf(a.role) - RANKS.indexOf(b.role) || a.joined_at - b.joined_at;
}
