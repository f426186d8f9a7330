// Puts the page together: routes, visits, and which view is shown.
//
//   #/           the lobby
//   #/room/ID    a room; a link to it can be shared, and a reload leads back into it

import { Api } from "./api.js";
import { Lobby } from "./lobby.js";
import { Session } from "./session.js";
import { Store, outOfRoom } from "./state.js";
import { claim, watch } from "./tabs.js";
import { Visit } from "./visit.js";
import { frame } from "./views/frame.js";
import { lobbyView } from "./views/lobby.js";
import { outsideView } from "./views/outside.js";
import { roomView } from "./views/room.js";
import { welcomeView } from "./views/welcome.js";

const store = new Store();
const session = new Session((me) => store.update({ me }));
const api = new Api(session);

/** What views may do. */
const app = {
  api,
  store,
  lobby: null,
  visit: null,

  async introduce(name) {
    await session.introduce(name);
    route();
  },

  changeName() {
    quit();
    store.update({ view: "welcome", target: null });
  },

  async create(wishes) {
    const { room } = await api.command("rooms.create", wishes);
    location.hash = `#/room/${room}`;
  },

  enter(room) {
    quit();
    claim(room);
    store.update({ ...outOfRoom(), view: "room", target: room });
    app.visit = new Visit(room, {
      api,
      store,
      session,
      onOver(end) {
        app.visit = null;
        if (end === null) return (location.hash = "#/");
        store.update({ ...outOfRoom(), view: end.gate ? "gate" : "ended", end });
      },
    });
    app.visit.begin();
  },

  leave() {
    location.hash = "#/";
  },
};

/** Ends whatever is going on, politely where there is somebody to be polite to. */
function quit({ leave = true } = {}) {
  if (leave) app.visit?.leave();
  else app.visit?.stop();
  app.visit = null;
  app.lobby?.close();
  app.lobby = null;
}

function route() {
  const room = /^#\/room\/([0-9a-f-]{36})$/i.exec(location.hash)?.[1] ?? null;
  if (!session.me) {
    store.update({ view: "welcome", target: room });
  } else if (room) {
    if (app.visit?.room !== room) app.enter(room);
  } else {
    quit();
    store.update({ ...outOfRoom(), view: "lobby", target: null });
    app.lobby = new Lobby({ api, store, session });
    app.lobby.open();
  }
}

const VIEWS = {
  welcome: welcomeView,
  lobby: lobbyView,
  room: roomView,
  gate: outsideView,
  ended: outsideView,
};

const updateFrame = frame(app);
let current = null;
let drawn = null;

function draw(state) {
  updateFrame(state);
  // The same view for another room or another reason is a new view.
  const wanted = `${state.view} ${state.target ?? ""} ${state.end?.title ?? ""}`;
  if (wanted !== drawn) {
    const first = drawn === null;
    drawn = wanted;
    current = VIEWS[state.view](app);
    document.getElementById("main").replaceChildren(current.node);
    current.update(state);
    // On the first view the reader starts at the top; later the focus follows the view.
    if (!first || state.view === "welcome") current.focus();
  } else {
    current.update(state);
  }
  const title = `${current.title} · Parlor`;
  if (document.title !== title) document.title = title;
}

window.addEventListener("hashchange", route);
window.addEventListener("offline", () => store.update({}));
window.addEventListener("online", () => store.update({}));
// Any click or key will do for a browser that holds the sound back.
for (const gesture of ["pointerup", "keyup"]) {
  document.addEventListener(gesture, () => store.state.soundBlocked && app.visit?.unblockSound());
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
  if (plain && !typing) current?.key?.(event);
});
watch((room) => {
  if (app.visit?.room !== room) return;
  quit({ leave: false });
  store.update({
    ...outOfRoom(),
    view: "ended",
    end: {
      title: "You are in another tab",
      detail: "You went on talking in another tab.",
      again: true,
    },
  });
});

// For tests and diagnostics, read-only: the present peer connection, and a copy of the state.
window.parlor = Object.freeze({
  pc: () => app.visit?.pc ?? null,
  get state() {
    const { state } = store;
    return structuredClone({ ...state, people: [...state.people.values()] });
  },
});

store.subscribe(draw);
store.update({ me: session.me });
route();
