// Takes pictures of the page with some life in it: node screenshots.mjs OUTDIR

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { newServer, newVisitor, tidyUp } from "./cast.js";
import { sleep } from "./visitor.js";

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node screenshots.mjs OUTDIR");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

const DESKTOP = { viewport: { width: 1180, height: 820 }, deviceScaleFactor: 2 };
const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 3,
  isMobile: true,
  hasTouch: true,
};

const ROOMS = [
  ["Tim Okafor", "Morning stretch", "Ten minutes, cameras off, nobody watches.", "open_floor"],
  [
    "Sofia Lindqvist",
    "Svenska för nybörjare",
    "Vi pratar långsamt och skrattar mycket.",
    "open_floor",
  ],
  [
    "Jonas Weber",
    "Ask a luthier anything",
    "Necks, frets and the smell of spruce. Raise a hand.",
    "moderated",
  ],
];
const CAST = [
  "Mara Delgado",
  "Idris Bello",
  "Yuki Tanaka",
  "Lena Hoffmann",
  "Priya Raman",
  "Tomás Rivera",
  "Noor Haddad",
  "Oskar Nyström",
];

const server = newServer();
try {
  await server.start();
  const show = await newVisitor(server, CAST[0], DESKTOP);
  await show.arrive();
  await shoot(show, "welcome-back");
  for (const [host, name, description, stage_mode] of ROOMS) {
    const owner = await newVisitor(server, host);
    await owner.arrive();
    await owner.open({ name, description, stage_mode, max_participants: 200 });
  }
  const room = await show.open({
    name: "The Sunday book club",
    description: "This month: The Left Hand of Darkness. Come as you are, read or unread.",
    stage_mode: "moderated",
    max_participants: 200,
  });

  const others = [];
  for (const name of CAST.slice(1)) {
    const other = await newVisitor(server, name, others.length === 0 ? PHONE : {});
    await other.join(room);
    others.push(other);
  }
  for (const other of others.slice(0, 3)) {
    const { participant } = await other.state();
    await other.command("rooms.raise_hand", { room, participant });
    await show.command("rooms.grant_floor", { room, participant });
    await other.until("have the floor", (state) =>
      state.people.some((p) => p.id === participant && p.stage === "speaker"),
    );
    await other.mic.click();
  }
  await others[2].until("be unmuted", (state) =>
    state.people.some((p) => p.id === state.participant && p.mic === "live"),
  );
  await others[2].mic.click();
  await others[5].page.getByRole("button", { name: "Raise hand" }).click();
  await show.mic.click();
  await sleep(1_000);
  await show.mic.click();
  await show.until("see two people speak", (state) => state.speaking.length > 1).catch(() => {});
  await sleep(7_000);

  await shoot(show, "room");
  await both(show, "room-dark", "dark");
  await shoot(others[0], "room-phone");
  await both(others[0], "room-phone-dark", "dark");
  await show.page.getByRole("button", { name: /^Idris/ }).click();
  await shoot(show, "person-dialog");
  await show.page.keyboard.press("Escape");
  await show.page.getByRole("button", { name: "Manage", exact: true }).click();
  await shoot(show, "room-dialog");
  await show.page.keyboard.press("Escape");

  const guest = await newVisitor(server, "Ada Byron", DESKTOP);
  await guest.page.goto(server.url);
  await shoot(guest, "welcome");
  await both(guest, "welcome-dark", "dark");
  await guest.arrive();
  await guest.page.getByText("The Sunday book club").waitFor();
  await shoot(guest, "lobby");
  await both(guest, "lobby-dark", "dark");
  const phone = await newVisitor(server, "Kim", PHONE);
  await phone.page.goto(server.url);
  await shoot(phone, "welcome-phone");
  await phone.arrive();
  await phone.page.getByText("The Sunday book club").waitFor();
  await shoot(phone, "lobby-phone");
} catch (error) {
  console.error(server.log);
  throw error;
} finally {
  await server.kill();
  await tidyUp();
}

async function both(visitor, name, scheme) {
  await visitor.page.emulateMedia({ colorScheme: scheme });
  await shoot(visitor, name);
  await visitor.page.emulateMedia({ colorScheme: "light" });
}

async function shoot(visitor, name) {
  await sleep(350);
  await visitor.page.screenshot({ path: join(folder, `${name}.png`) });
}
