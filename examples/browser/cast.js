// Chromium, and visitors with browser profiles of their own.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { endDatabases, nextDatabase } from "./databases.js";
import { Server } from "./server.js";
import { Visitor } from "./visitor.js";
import { voice } from "./voice.js";

const FLAGS = [
  "--no-sandbox",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--allow-loopback-in-peer-connection",
  "--disable-gpu",
  "--disable-background-networking",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

const folder = mkdtempSync(join(tmpdir(), "parlor-browser-"));
let browser = null;

/** Starts Chromium once a process. */
export async function chromiumBrowser() {
  if (browser) return browser;
  const hum = join(folder, "voice.wav");
  writeFileSync(hum, voice());
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [...FLAGS, `--use-file-for-fake-audio-capture=${hum}`],
  });
  return browser;
}

/** Closes Chromium and removes what was written. */
export async function tidyUp() {
  await browser?.close();
  browser = null;
  endDatabases();
  rmSync(folder, { recursive: true, force: true });
}

/** A server with a database of its own, not started yet. */
export function newServer() {
  return new Server(() => nextDatabase(folder));
}

/** A visitor with a browser profile of their own. */
export async function newVisitor(server, name, options = {}) {
  const context = await (
    await chromiumBrowser()
  ).newContext({ permissions: ["microphone"], ...options });
  return new Visitor(name, await context.newPage(), server);
}
