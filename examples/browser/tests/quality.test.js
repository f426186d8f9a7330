// How good connections are, and who has the word: for the eye, and in words.

import assert from "node:assert/strict";
import { story } from "../harness.js";

/** What a person's tile says to those who do not see it. */
function described(visitor, who) {
  const tile = visitor.page.locator(".person", { hasText: who.name });
  return tile.locator(".visually-hidden").textContent();
}

async function says(visitor, who, words) {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const said = await described(visitor, who);
    if (said.includes(words)) return;
    assert.ok(Date.now() < deadline, `${who.name} is described as “${said}”, not “${words}”`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** Opens a door through which a test speaks in the server's place. */
async function overhear(visitor) {
  const door = {};
  await visitor.page.routeWebSocket(/\/api\/events$/, (socket) => {
    socket.connectToServer();
    door.tell = (frame) => socket.send(JSON.stringify(frame));
  });
  return door;
}

story("the page shows how good each connection is, one's own too", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  const door = await overhear(ada);
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.sees(ben, "connected", (person) => person.connection === "connected");
  const [mine, theirs] = [await ada.me(), await ben.me()].map(({ id }) => id);
  const bars = (who) => ada.page.locator(".person", { hasText: who.name }).locator(".signal");

  const tell = (participant, quality) => door.tell({ quality: { room, participant, quality } });
  for (const [quality, words, lit] of [
    ["excellent", "excellent connection", 3],
    ["good", "good connection", 2],
    ["poor", "poor connection", 1],
    ["lost", "connection lost", 0],
  ]) {
    tell(theirs, quality);
    await says(ada, ben, words);
    assert.equal(await bars(ben).getAttribute("data-quality"), quality);
    assert.equal(await bars(ben).locator(".lit").count(), lit);
  }

  const warning = ada.page.getByText("Your connection is poor");
  assert.equal(await warning.isVisible(), false);
  tell(mine, "poor");
  await says(ada, ada, "poor connection");
  await warning.waitFor();
  tell(mine, "excellent");
  await warning.waitFor({ state: "hidden" });
});

story("the page shows who has the word", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  const door = await overhear(ada);
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.sees(ben, "connected", (person) => person.connection === "connected");
  const { id } = await ben.me();
  // Again and again: the server itself tells who speaks as well.
  const telling = setInterval(
    () => door.tell({ speaking: { room, participants: [id], dominant: id } }),
    50,
  );
  try {
    await says(ada, ben, "has the word");
    await ada.page.locator(".person.dominant", { hasText: "Ben" }).waitFor();
  } finally {
    clearInterval(telling);
  }
});

story(
  "within half a minute the server says how good a connection is",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    await ben.join(await ada.open());
    const { id } = await ben.me();
    await ada.until("see how good Ben’s connection is", (state) => id in state.quality, 30_000);
    await says(ada, ben, "connection");
    // Whoever comes later sees it as well.
    await ben.page.reload();
    await ben.inside();
    await ben.until("see how good Ada’s connection is", (state) => Object.keys(state.quality).length > 0, 30_000);
  },
);
