// The page as such: names, keyboard, narrow screens, and sentences where they belong.

import assert from "node:assert/strict";
import { story } from "../harness.js";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const INTERACTIVE = [
  ...["button", "link", "textbox", "searchbox", "spinbutton", "radio", "checkbox", "combobox"],
  ...["DisclosureTriangle", "dialog"],
];

story("everything one can operate has a name", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ada.page.goto(ada.server.url);
  await ada.page.getByLabel("Your name").waitFor();
  await everythingIsNamed(ada.page, "welcome");
  await ada.arrive();
  await ada.page.getByText("Options").click();
  await everythingIsNamed(ada.page, "lobby");
  await ben.join(await ada.open({ stage_mode: "moderated" }));
  await ben.page.getByRole("button", { name: "Raise hand" }).click();
  await ada.page.getByRole("button", { name: "Give the floor to Ben" }).waitFor();
  await everythingIsNamed(ada.page, "room");
  await ada.page.getByRole("button", { name: /^Ben/ }).click();
  await everythingIsNamed(ada.page, "dialog about a person");
  await ada.page.keyboard.press("Escape");
  await ada.page.getByRole("button", { name: "Manage", exact: true }).click();
  await everythingIsNamed(ada.page, "dialog about the room");
});

story("joining and muting need nothing but a keyboard", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const { keyboard } = ada.page;
  await ada.page.goto(ada.server.url);
  await ada.page.getByLabel("Your name").waitFor();
  await keyboard.type("Ada");
  await keyboard.press("Enter");
  await ada.page.getByRole("heading", { name: "Rooms", level: 1 }).waitFor();
  assert.equal(await focused(ada.page), "Rooms");
  await tabTo(ada.page, "Start talking");
  await keyboard.press("Enter");
  await ada.inside();

  await keyboard.press("m");
  await ada.until("be muted by the key", (state) => state.people[0].mic === "muted_self");
  await tabTo(ada.page, "Unmute");
  await keyboard.press("Space");
  await ada.until("be unmuted by the button", (state) => state.people[0].mic === "live");
  await tabTo(ada.page, "Leave");
  await keyboard.press("Enter");
  await ada.page.getByRole("heading", { name: "Rooms", level: 1 }).waitFor();
});

story("nothing scrolls sideways on a phone", async ({ visitor }) => {
  const ada = await visitor("Ada-Bertha-Christina-Dorothea von und zu Hohenlohe", PHONE);
  await ada.page.goto(ada.server.url);
  await ada.page.getByLabel("Your name").waitFor();
  await fits(ada.page, "welcome");
  await ada.arrive();
  const name = "Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüsselbundaufbewahrer";
  const room = await ada.open({ name, stage_mode: "moderated", description: "x".repeat(300) });
  await fits(ada.page, "room");
  await ada.page.getByRole("button", { name: "Manage", exact: true }).click();
  await fits(ada.page, "dialog");
  await ada.page.keyboard.press("Escape");
  await ada.page.getByRole("button", { name: "Leave" }).click();
  const ben = await visitor("Ben", PHONE);
  await ben.arrive();
  await ben.page.locator(`a[href="#/room/${room}"]`).waitFor();
  await ben.page.getByText("Options").click();
  await fits(ben.page, "lobby");
});

story("a name that will not do is explained at its field", async ({ visitor }) => {
  const ada = await visitor("Ada");
  await ada.page.goto(ada.server.url);
  const field = ada.page.getByLabel("Your name");
  for (const bad of ["   ", "a".repeat(51)]) {
    await field.fill(bad);
    await ada.page.getByRole("button", { name: "Continue" }).click();
    await explained(ada.page, field);
  }
  await field.fill("Ada");
  assert.equal(await field.getAttribute("aria-invalid"), null);
  await ada.page.getByRole("button", { name: "Continue" }).click();
  await ada.page.getByRole("heading", { name: "Rooms", level: 1 }).waitFor();

  const room = ada.page.getByLabel("Name", { exact: true });
  for (const bad of ["", "a".repeat(101)]) {
    await room.fill(bad);
    await ada.page.getByRole("button", { name: "Start talking" }).click();
    await explained(ada.page, room);
  }
  await room.fill("Tea");
  await ada.page.getByText("Options").click();
  const places = ada.page.getByLabel("Places");
  await places.fill("1");
  await ada.page.getByText("Options").click();
  await ada.page.getByRole("button", { name: "Start talking" }).click();
  await explained(ada.page, places);
});

story("the lobby is live and searchable", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ben.arrive();
  await ada.arrive();
  await ada.open({ name: "Chess evening" });
  const card = ben.page.locator(".card", { hasText: "Chess evening" });
  await card.getByText("1 person").waitFor();
  await ben.page.getByLabel("Search rooms").fill("eve ch");
  await ben.page.getByText("1 room found").waitFor({ state: "attached" });
  await ben.page.getByLabel("Search rooms").fill("knitting");
  await ben.page.getByText("No room matches these words.").waitFor();
  await ben.page.getByLabel("Search rooms").fill("");
  await card.waitFor();
  await ada.command("rooms.close", { room: (await ada.state()).target });
  await card.waitFor({ state: "detached" });
});

story("without a microphone one listens, and is told so", async ({ visitor }) => {
  const ada = await visitor("Ada");
  const ben = await visitor("Ben");
  await ben.page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("Permission denied", "NotAllowedError"));
  });
  await ada.arrive();
  await ben.join(await ada.open());
  await ben.page.getByText("Your microphone is blocked, so you are listening.").waitFor();
  await ada.sees(ben, "muted", (person) => person.mic === "muted_self");
  await ben.hears();
});

story("a token the server does not know is replaced without a word", async ({ visitor }) => {
  const ada = await visitor("Ada");
  await ada.arrive();
  const { me } = await ada.state();
  await ada.page.evaluate(() => {
    const identity = JSON.parse(localStorage.getItem("parlor.identity"));
    localStorage.setItem("parlor.identity", JSON.stringify({ ...identity, token: "x".repeat(43) }));
  });
  await ada.page.reload();
  await ada.until("be somebody new of the same name", (state) => state.me.user !== me.user);
  assert.equal((await ada.state()).me.name, "Ada");
  await ada.open();
});

async function explained(page, field) {
  await page.waitForFunction(
    (input) => input.getAttribute("aria-invalid") === "true",
    await field.elementHandle(),
  );
  const sentence = await field.evaluate((input) => {
    const ids = input.getAttribute("aria-describedby").split(" ");
    return document.getElementById(ids.at(-1)).textContent;
  });
  assert.match(sentence, /^\p{Lu}.*\.$/u, `a sentence for the person, not "${sentence}"`);
  assert.ok(
    await field.evaluate((input) => input === document.activeElement),
    "the field has the focus",
  );
}

/** Reads the accessibility tree as a screen reader gets it. */
async function everythingIsNamed(page, where) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const operable = nodes.filter((node) => !node.ignored && INTERACTIVE.includes(node.role?.value));
  assert.ok(operable.length > 0, `${where}: nothing to operate`);
  const nameless = operable.filter((node) => !node.name?.value?.trim());
  assert.deepEqual(
    nameless.map((node) => node.role.value),
    [],
    `${where}: nameless elements`,
  );
  // A modal dialog takes the rest of the page out of the tree, landmarks included.
  const landmarks = nodes.filter((node) => ["main", "banner"].includes(node.role?.value));
  const wanted = where.startsWith("dialog") ? 0 : 2;
  assert.equal(landmarks.length, wanted, `${where}: a banner and a main landmark`);
  await session.detach();
}

function focused(page) {
  return page.evaluate(() => {
    const { activeElement } = document;
    return activeElement.getAttribute("aria-label") ?? activeElement.textContent.trim();
  });
}

async function tabTo(page, name) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)) === name) return;
  }
  assert.fail(`the Tab key never reached "${name}"`);
}

async function fits(page, where) {
  const [content, screen] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    window.innerWidth,
  ]);
  assert.ok(
    content <= screen && screen <= 360,
    `${where}: ${content} px of content on ${screen} px`,
  );
}
