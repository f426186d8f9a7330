// One person: a round picture with a ring while speaking, the name, what the microphone does, and
// how good the connection is.

import { avatar } from "../avatar.js";
import { h, show, text } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { signal } from "../signal.js";
import { moderates, myMic } from "../state.js";
import { micPhrase, qualityPhrase, roleName } from "../words.js";

/** `open(id)` runs when a host clicks on somebody. */
export function personTile(app, person, open) {
  const badge = icon("mic-off");
  const badgeHolder = h("span", { class: "badge" }, badge);
  const name = h("span", { class: "person-name" });
  const role = h("span", {});
  const bars = signal();
  const note = h("span", { class: "person-note" }, role, bars.node);
  const spoken = h("span", { class: "visually-hidden" });
  const portrait = h(
    "span",
    { class: "portrait" },
    avatar(person.user, person.display_name),
    badgeHolder,
  );
  let inner = h("div", { class: "person-inner" }, portrait, name, note, spoken);
  const node = h("li", { class: "person", "data-participant": person.id }, inner);

  // Only hosts have something to click; for everybody else a person is just text.
  function become(manageable) {
    if (manageable === (inner.tagName === "BUTTON")) return;
    const parts = [...inner.childNodes];
    inner = manageable
      ? h("button", {
          class: "person-inner",
          type: "button",
          "aria-haspopup": "dialog",
          title: `Manage ${person.display_name}`,
          on: { click: () => open(person.id) },
        })
      : h("div", { class: "person-inner" });
    inner.append(...parts);
    node.replaceChildren(inner);
  }

  function update(now) {
    const { state } = app.store;
    const me = now.id === state.participant;
    const shown = me ? { ...now, mic: myMic(state) } : now;
    const speaking = state.speaking.includes(now.id) && shown.mic === "live";
    const dominant = state.dominant === now.id && shown.mic === "live";
    const quality = qualityPhrase(state.quality[now.id]);
    const manageable = moderates(state) && !me;
    node.classList.toggle("speaking", speaking);
    node.classList.toggle("dominant", dominant);
    node.classList.toggle("away", now.connection === "reconnecting");
    node.dataset.mic = shown.mic;
    text(name, now.display_name);
    text(role, [me ? "You" : "", roleName(now.role)].filter(Boolean).join(" · "));
    const sign = signOf(shown);
    show(badgeHolder, sign !== null);
    if (sign) setIcon(badge, sign);
    badgeHolder.classList.toggle("raised", sign === "hand");
    bars.update(state.quality[now.id] ?? null);
    const doing = dominant ? "has the word" : speaking ? "speaking" : "";
    text(spoken, [micPhrase(shown), doing, quality].filter(Boolean).map((it) => `, ${it}`).join(""));
    become(manageable);
  }
  return { node, update };
}

function signOf(person) {
  if (person.stage === "requested") return "hand";
  if (person.stage !== "speaker") return null;
  if (person.mic === "locked") return "lock";
  return person.mic === "live" ? null : "mic-off";
}
