// The bar at the foot of a room: the microphone, the hand, the way out.

import { attribute, h, show, text } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { myMic, myself } from "../state.js";

export function controls(app) {
  const micIcon = icon("mic");
  const micLabel = h("span", {}, "Mute");
  const mic = h(
    "button",
    {
      class: "button control mic",
      id: "mic",
      type: "button",
      "aria-keyshortcuts": "m",
      on: { click: () => app.visit.toggleMute() },
    },
    micIcon,
    micLabel,
  );
  const handLabel = h("span", {}, "Raise hand");
  const hand = h(
    "button",
    { class: "button control", id: "hand", type: "button", on: { click: toggleHand } },
    icon("hand"),
    handLabel,
  );
  const down = h(
    "button",
    {
      class: "button control",
      type: "button",
      on: { click: () => app.visit.command("rooms.step_down", self()) },
    },
    icon("down"),
    h("span", {}, "Step down"),
  );
  const leave = h(
    "button",
    { class: "button control leave", type: "button", on: { click: () => app.leave() } },
    icon("leave"),
    h("span", {}, "Leave"),
  );
  const node = h(
    "div",
    { class: "controls", role: "group", "aria-label": "Your controls" },
    mic,
    hand,
    down,
    leave,
  );

  const self = () => ({ participant: app.store.state.participant });

  function toggleHand() {
    const raised = myself(app.store.state)?.stage === "requested";
    // Whoever wants to speak will need the microphone: ask now, while there is a click.
    if (!raised) app.visit.useMicrophone();
    app.visit.command(raised ? "rooms.lower_hand" : "rooms.raise_hand", self());
  }

  function update(state) {
    const me = myself(state);
    const moderated = state.room?.stage_mode === "moderated";
    const status = myMic(state);
    const live = status === "live";
    const onStage = me?.stage === "speaker";
    show(mic, onStage, leave);
    setIcon(micIcon, status === "locked" ? "lock" : live ? "mic" : "mic-off");
    text(micLabel, status === "locked" ? "Locked by a host" : live ? "Mute" : "Unmute");
    mic.classList.toggle("primary", onStage && !live && status !== "locked");
    // Stays focusable while locked, so that one can find out why it does nothing.
    attribute(mic, "aria-disabled", status === "locked" ? "true" : null);
    attribute(mic, "aria-label", status === "locked" ? "Microphone locked by a host" : null);
    attribute(mic, "title", status === "locked" ? null : "Key M");

    const raised = me?.stage === "requested";
    show(hand, moderated && (raised || me?.stage === "audience"), leave);
    text(handLabel, raised ? "Lower hand" : "Raise hand");
    hand.classList.toggle("primary", me?.stage === "audience");
    show(down, moderated && onStage && me.role !== "host", leave);
  }
  return { node, update };
}
