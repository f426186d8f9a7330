// Somebody at a browser: a page of their own, with what a test wants to do with it.

import assert from "node:assert/strict";

const WAIT_MS = 10_000;
const SAMPLE_MS = 20;

export class Visitor {
  constructor(name, page, server) {
    this.name = name;
    this.page = page;
    this.server = server;
    /** What the console said; warnings and errors only. */
    this.console = [];
    page.setDefaultTimeout(WAIT_MS);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.console.push(message.text());
    });
    page.on("pageerror", (error) => this.console.push(`uncaught: ${error.stack ?? error.message}`));
  }

  /** Comes for the first time: opens the page (or a link into a room) and gives a name. */
  async arrive(room = null) {
    await this.page.goto(`${this.server.url}/${room ? `#/room/${room}` : ""}`);
    await this.page.getByLabel("Your name").fill(this.name);
    await this.page.getByRole("button", { name: room ? "Join the room" : "Continue" }).click();
    if (!room) await this.page.getByRole("heading", { name: "Rooms", level: 1 }).waitFor();
  }

  /** Makes a room through the interface's door and walks in. Answers the room's id. */
  async open(wishes = {}) {
    const { body } = await this.command("rooms.create", {
      name: `${this.name}’s room`,
      description: "",
      max_participants: 10,
      stage_mode: "open_floor",
      ...wishes,
    });
    const { room } = body.output;
    await this.page.goto(`${this.server.url}/#/room/${room}`);
    await this.inside();
    return room;
  }

  /** Comes by a link and waits until the room is there. */
  async join(room) {
    await this.arrive(room);
    await this.inside();
  }

  /** Waits until the room is shown and live, and the voice connected. */
  async inside(ms = WAIT_MS) {
    await this.until(
      "be in the room with a connected voice",
      (state) =>
        state.view === "room" &&
        state.stream === "live" &&
        state.media === "connected" &&
        state.people.some((person) => person.id === state.participant),
      ms,
    );
  }

  state() {
    return this.page.evaluate(() => window.parlor.state);
  }

  async me() {
    const state = await this.state();
    return state.people.find((person) => person.id === state.participant);
  }

  /** Waits until the page's state satisfies `test`, else fails with the state in the message. */
  async until(what, test, ms = WAIT_MS) {
    const deadline = Date.now() + ms;
    for (;;) {
      const state = await this.state().catch(() => null);
      if (state && test(state)) return state;
      if (Date.now() > deadline) {
        const shown = JSON.stringify(state, null, 1);
        assert.fail(`${this.name} did not ${what} within ${ms} ms. The page's state: ${shown}`);
      }
      await sleep(40);
    }
  }

  /** Waits until a person, as this visitor sees them, satisfies `test`. */
  async sees(who, what, test, ms = WAIT_MS) {
    await this.until(
      `see ${who.name} ${what}`,
      (state) => state.people.some((person) => person.display_name === who.name && test(person)),
      ms,
    );
  }

  /** Sends a command as the page would, but without the page: for refusals it would not risk. */
  command(name, data) {
    return this.page.evaluate(
      async ([command, input]) => {
        const { token } = JSON.parse(localStorage.getItem("parlor.identity"));
        const response = await fetch("/api/commands", {
          method: "POST",
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          body: JSON.stringify({ name: command, data: input }),
        });
        return { status: response.status, body: await response.json() };
      },
      [name, data],
    );
  }

  /** Remembers the present connection of the voice. */
  markCall() {
    return this.page.evaluate(() => {
      window.marked = window.parlor.pc();
    });
  }

  /** Waits until another one than the marked one is connected. */
  async anotherCall(ms = WAIT_MS) {
    const deadline = Date.now() + ms;
    const isThere = () =>
      window.parlor.pc() !== window.marked && window.parlor.pc()?.connectionState === "connected";
    while (!(await this.page.evaluate(isThere))) {
      if (Date.now() > deadline) assert.fail(`${this.name} got no other call within ${ms} ms`);
      await sleep(40);
    }
  }

  /** The button that mutes and unmutes. */
  get mic() {
    return this.page.locator("#mic");
  }

  /** Talks on whatever the page thinks: the server alone must keep this visitor silent. */
  insist() {
    return this.page.evaluate(() => {
      window.parlor.pc().getSenders()[0].track.enabled = true;
    });
  }

  /** Opens the dialog about somebody and picks an action. */
  async manage(who, action) {
    await this.page.getByRole("button", { name: new RegExp(`^${who.name}`) }).click();
    await this.page.getByRole("dialog").getByRole("button", { name: action }).click();
  }

  /** What has been heard until now: packets and energy over all slots. */
  heard() {
    return this.page.evaluate(async () => {
      const sum = { at: performance.now(), packets: 0, energy: 0 };
      const reports = await window.parlor.pc()?.getStats();
      for (const report of reports?.values() ?? []) {
        if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
        sum.packets += report.packetsReceived;
        sum.energy += report.totalAudioEnergy ?? 0;
      }
      return sum;
    });
  }

  /** Asserts that somebody is heard: first packets within `ms`, then a good flow for 2 s. */
  async hears(ms = 3_000) {
    const deadline = Date.now() + ms;
    const start = await this.heard();
    while ((await this.heard()).packets <= start.packets) {
      assert.ok(Date.now() < deadline, `${this.name} heard no packet within ${ms} ms`);
      await sleep(50);
    }
    const before = await this.heard();
    await sleep(2_000);
    const after = await this.heard();
    const rate = ((after.packets - before.packets) / (after.at - before.at)) * 1_000;
    assert.ok(rate > 40, `${this.name} received ${rate.toFixed(1)} packets a second, want > 40`);
    assert.ok(
      after.energy > before.energy && before.energy >= 0,
      `${this.name} hears packets but no sound: energy ${before.energy} -> ${after.energy}`,
    );
  }

  /** Asserts that next to nothing is heard for a second and a half. */
  async hearsNothing() {
    const before = await this.heard();
    await sleep(1_500);
    const after = await this.heard();
    const grown = after.packets - before.packets;
    assert.ok(grown <= 3, `${this.name} still received ${grown} packets in 1.5 s`);
  }

  /** Runs `act` and answers how many packets came in later than `ms` after it began. */
  async packetsLaterThan(ms, act) {
    await this.page.evaluate((every) => {
      window.samples = [];
      window.sampling = setInterval(async () => {
        let packets = 0;
        for (const report of (await window.parlor.pc().getStats()).values()) {
          if (report.type === "inbound-rtp") packets += report.packetsReceived;
        }
        window.samples.push([Date.now(), packets]);
      }, every);
    }, SAMPLE_MS);
    await sleep(300);
    const began = Date.now();
    await act();
    await sleep(1_800);
    const samples = await this.page.evaluate(() => {
      clearInterval(window.sampling);
      return window.samples;
    });
    const late = samples.filter(([at]) => at > began + ms).map(([, packets]) => packets);
    assert.ok(late.length > 10, "too few samples to judge");
    return late.at(-1) - late[0];
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
