// Hearing each other, and hearing each other again.

import assert from "node:assert/strict";
import { story } from "../harness.js";
import { sleep } from "../visitor.js";

story(
  "two visitors hear each other within three seconds, two clicks after arriving",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    await ada.page.getByRole("button", { name: "Start talking" }).click();
    await ada.inside();

    await ben.arrive();
    await ben.page.getByRole("link", { name: "Join Ada’s room" }).click();
    await Promise.all([ada.hears(3_000), ben.hears(3_000)]);

    await ada.sees(ben, "with an open microphone", (person) => person.mic === "live");
    await ada.until("see somebody speaking", (state) => state.speaking.length > 0);
  },
);

story(
  "Chromium takes what the engine seals itself, its clocks included",
  async ({ server, visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    await ben.join(await ada.open());
    await Promise.all([ada.hears(3_000), ben.hears(3_000)]);
    const shown = await server.metrics();
    assert.equal(shown.parlor_media_fast_lanes, 2);
    assert.equal(shown['parlor_media_sessions{class="speaker"}'], 2);

    const seen = async () => {
      const reports = await ben.page.evaluate(async () => [
        ...(await window.parlor.pc().getStats()).values(),
      ]);
      const of = (type) => reports.filter((report) => report.type === type);
      return {
        cipher: of("transport")[0]?.srtpCipher,
        told: of("remote-outbound-rtp").some((report) => report.packetsSent > 0),
      };
    };
    const deadline = Date.now() + 15_000;
    while (!(await seen()).told) {
      assert.ok(Date.now() < deadline, "a sender report is understood");
      await sleep(250);
    }
    assert.match((await seen()).cipher, /GCM/);
    await ben.hears();
  },
);

story(
  "a reload within the grace period keeps the participant and the voice",
  async ({ visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    const room = await ada.open();
    await ben.join(room);
    await ben.hears();

    const { participant } = await ben.state();
    await ben.page.reload();
    await ben.inside();
    assert.equal((await ben.state()).participant, participant);
    await Promise.all([ada.hears(5_000), ben.hears(5_000)]);
    assert.equal((await ada.state()).people.length, 2);
  },
);

story("a muted visitor is still muted after a reload", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  await ben.join(await ada.open());
  await ben.mic.click();
  await ada.sees(ben, "muted", (person) => person.mic === "muted_self");

  await ben.page.reload();
  await ben.inside();
  assert.equal((await ben.me()).mic, "muted_self");
  assert.equal(await ben.mic.textContent(), "Unmute");
  await ada.hearsNothing();
  await ben.mic.click();
  await ada.hears();
});

story(
  "a killed and restarted server gets both visitors back by themselves",
  async ({ server, visitor }) => {
    const ada = await visitor("Ada");
    const ben = await visitor("Ben");
    await ada.arrive();
    await ben.join(await ada.open());
    await Promise.all([ada.hears(), ben.hears()]);
    const before = [await ada.state(), await ben.state()].map(({ participant }) => participant);

    await server.kill();
    await ada.until("notice the loss", (state) => state.stream === "lost");
    await ada.page.getByText("Connection lost. Trying again…").waitFor();
    await server.start();

    await Promise.all([ada.inside(20_000), ben.inside(20_000)]);
    const later = [await ada.state(), await ben.state()].map(({ participant }) => participant);
    assert.deepEqual(later, before);
    await Promise.all([ada.hears(10_000), ben.hears(10_000)]);
  },
);

story("a voice that the server has lost comes back by itself", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  await ada.hears();

  // A second offer takes the place of the first, and then nobody answers on it.
  const lost = await ben.page.evaluateHandle(() => window.parlor.pc());
  await ben.page.evaluate(async (id) => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver("audio", { direction: "sendonly" });
    for (let slot = 0; slot < 3; slot += 1) pc.addTransceiver("audio", { direction: "recvonly" });
    await pc.setLocalDescription();
    const { token } = JSON.parse(localStorage.getItem("parlor.identity"));
    await fetch(`/api/rooms/${id}/media`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ sdp: pc.localDescription.sdp }),
    });
    pc.close();
  }, room);
  const deadline = Date.now() + 40_000;
  while (await ben.page.evaluate((pc) => window.parlor.pc() === pc, lost)) {
    assert.ok(Date.now() < deadline, "the page did not offer anew within 40 s");
    await sleep(200);
  }
  await ben.inside(20_000);
  await Promise.all([ada.hears(5_000), ben.hears(5_000)]);
});

story("entering in a second tab silences the first", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.arrive();
  const room = await ada.open();
  await ben.join(room);
  const second = await ben.page.context().newPage();
  await second.goto(`${ben.server.url}/#/room/${room}`);
  await ben.page.getByText("You went on talking in another tab.").waitFor();
  await second.getByRole("button", { name: "Mute" }).waitFor();
  await ada.hears(10_000);
  assert.equal((await ada.state()).people.length, 2);
});
