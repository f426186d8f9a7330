// Quiet notes above the stage that ask for something: an invitation, the microphone, the sound.

import { h, show, text } from "../dom.js";
import { icon } from "../icons.js";
import { myself } from "../state.js";

export function banners(app) {
  const self = () => ({ participant: app.store.state.participant });
  const accept = button("Speak", "primary", async () => {
    app.visit.useMicrophone();
    await app.visit.command("rooms.accept_invite", self());
  });
  const decline = button("Not now", "quiet", () =>
    app.visit.command("rooms.decline_invite", self()),
  );
  const invitation = banner("mic", "You are invited to speak.", accept, decline);

  const allow = button("Try again", "", () => app.visit.setMuted(false));
  const microphone = banner("mic-off", "", allow);

  const listen = button("Turn on the sound", "primary", () => app.visit.unblockSound());
  const sound = banner("sound", "Your browser holds the sound back until you ask for it.", listen);

  const connection = banner("signal", "Your connection is poor: others may not hear you well.");

  const node = h(
    "div",
    { class: "banners" },
    invitation.node,
    microphone.node,
    sound.node,
    connection.node,
  );
  function update(state) {
    const me = myself(state);
    show(invitation.node, me?.stage === "invited");
    const without = { denied: DENIED, missing: MISSING }[state.microphone];
    show(microphone.node, without !== undefined && me?.stage === "speaker");
    text(microphone.words, without ?? "");
    show(sound.node, state.soundBlocked);
    const quality = state.quality[state.participant];
    show(connection.node, state.media === "connected" && ["poor", "lost"].includes(quality));
  }
  return { node, update };
}

const DENIED =
  "Your microphone is blocked, so you are listening. " +
  "Allow it in the browser’s site settings to speak.";
const MISSING = "No microphone was found, so you are listening. Connect one to speak.";

function button(label, kind, click) {
  return h("button", { class: `button small ${kind}`, type: "button", on: { click } }, label);
}

function banner(sign, sentence, ...buttons) {
  const words = h("p", {}, sentence);
  const row = buttons.length > 0 ? h("div", { class: "row" }, ...buttons) : null;
  return { node: h("div", { class: "banner", hidden: true }, icon(sign), words, row), words };
}
