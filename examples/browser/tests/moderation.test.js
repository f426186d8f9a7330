// What hosts decide takes effect, and the page says so.

import assert from "node:assert/strict";
import { story } from "../harness.js";

const SILENCE_FRAMES = 3;

story("a host's mute is heard at once and can be undone by the muted", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.hears();
  const { participant } = await ben.state();

  const late = await ada.packetsLaterThan(300, () =>
    ada.command("rooms.mute", { room, participant }),
  );
  assert.ok(late <= SILENCE_FRAMES, `${late} packets came later than 300 ms after the mute`);
  await ben.page.getByText("Ada muted you. You may unmute yourself.").waitFor();
  assert.equal((await ben.me()).mic, "muted_server");
  await ben.insist();
  await ada.hearsNothing();

  await ben.mic.click();
  await ada.hears();
});

story("a locked microphone stays silent until it is unlocked and unmuted", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.hears();
  const { participant } = await ben.state();

  await ada.manage(ben, "Lock the microphone");
  await ben.until("be locked", (state) =>
    state.people.some((p) => p.id === participant && p.mic === "locked"),
  );
  assert.equal(await ben.mic.getAttribute("aria-disabled"), "true");
  assert.equal(await ben.mic.getAttribute("aria-label"), "Microphone locked by a host");
  await ben.mic.click({ force: true });
  await ben.page.getByText("A host has locked your microphone.").waitFor();
  const refused = await ben.command("rooms.set_self_mute", { room, participant, muted: false });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, "rooms.mic_locked");
  await ben.insist();
  await ada.hearsNothing();

  await ada.manage(ben, "Unlock the microphone");
  await ben.until("be unlocked", (state) =>
    state.people.some((p) => p.id === participant && p.mic === "muted_self"),
  );
  await ada.hearsNothing();
  await ben.mic.click();
  await ada.hears();
});

story(
  "a full room refuses with its sentence, and lets in once there is a place",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    const cyd = await visitor("Cyd");
    await ada.arrive();
    const room = await ada.open({ max_participants: 2 });
    await ben.join(room);
    await cyd.arrive(room);
    await cyd.page.getByText("This room is full.").waitFor();

    await ben.page.getByRole("button", { name: "Leave" }).click();
    await ada.until("be alone", (state) => state.people.length === 1);
    await cyd.page.getByRole("button", { name: "Try again" }).click();
    await cyd.inside();
  },
);

story("a locked room refuses with its sentence, until it is unlocked", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const cyd = await visitor("Cyd");
  await ada.arrive();
  const room = await ada.open();
  await ada.page.getByRole("button", { name: "Manage", exact: true }).click();
  await ada.page.getByRole("button", { name: /^Lock the room/ }).click();
  await ada.until("see the lock", (state) => state.room.locked);
  await cyd.arrive(room);
  await cyd.page.getByText("This room is locked.").waitFor();

  await ada.page.getByRole("button", { name: "Unlock the room" }).click();
  await ada.until("see it open", (state) => !state.room.locked);
  await cyd.page.getByRole("button", { name: "Try again" }).click();
  await cyd.inside();
});

story(
  "a banned visitor is out, stays out, and may come back when the ban is lifted",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const cyd = await visitor("Cyd");
    await ada.arrive();
    const room = await ada.open();
    await cyd.join(room);
    await ada.manage(cyd, "Ban…");
    await ada.page.getByLabel("Reason (optional)").fill("Sang.");
    await ada.page.getByRole("button", { name: "Ban from this room" }).click();
    await cyd.page.getByText("Ada banned you from “Ada’s room”.").waitFor();

    await cyd.page.reload();
    await cyd.page.getByText("You are banned from this room.").waitFor();

    await ada.page.getByRole("button", { name: "Manage", exact: true }).click();
    await ada.page.getByRole("button", { name: "Lift the ban of Cyd" }).click();
    await ada.page.getByText("Nobody is banned.").waitFor();
    await cyd.page.reload();
    await cyd.inside();
  },
);

story(
  "on a stage a hand leads to the floor, and the audience is not heard",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    const room = await ada.open({ stage_mode: "moderated" });
    await ben.join(room);
    await ada.hearsNothing();

    await ben.page.getByRole("button", { name: "Raise hand" }).click();
    await ada.page.getByRole("button", { name: "Give the floor to Ben" }).click();
    await ben.until("have the floor", (state) =>
      state.people.some((p) => p.id === state.participant && p.stage === "speaker"),
    );
    await ada.hearsNothing();
    await ben.mic.click();
    await ada.hears();

    const { participant } = await ben.state();
    const late = await ada.packetsLaterThan(300, () =>
      ada.command("rooms.move_to_audience", { room, participant }),
    );
    assert.ok(late <= SILENCE_FRAMES, `${late} packets came later than 300 ms after the move`);
    await ben.page.getByText("You are in the audience now.").waitFor();
    await ben.insist();
    await ada.hearsNothing();
  },
);

story("an invitation to speak can be declined and accepted", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  await ben.join(await ada.open({ stage_mode: "moderated" }));
  await ada.manage(ben, "Invite to speak");
  await ben.page.getByRole("button", { name: "Not now" }).click();
  await ada.sees(ben, "in the audience", (person) => person.stage === "audience");
  await ada.manage(ben, "Invite to speak");
  await ben.page.getByRole("button", { name: "Speak", exact: true }).click();
  await ada.sees(ben, "on stage", (person) => person.stage === "speaker");
  await ben.mic.click();
  await ada.hears();
});

story("a closed room is over for everybody", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.page.getByRole("button", { name: "Manage", exact: true }).click();
  await ada.page.getByRole("button", { name: "Close the room for everybody" }).click();
  await ada.page.getByRole("button", { name: "Close the room", exact: true }).click();
  for (const one of [ada, ben]) {
    await one.page.getByText("“Ada’s room” was closed by its host.").waitFor();
    assert.equal(await one.page.evaluate(() => window.parlor.pc()), null);
  }
  await ben.page.reload();
  await ben.page.getByText("This room is closed.").waitFor();
});

story("a removed visitor sees by whom", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  await ben.join(await ada.open());
  await ada.manage(ben, "Remove from the room");
  await ben.page.getByText("Ada removed you from “Ada’s room”.").waitFor();
  await ada.until("be alone", (state) => state.people.length === 1);
});
