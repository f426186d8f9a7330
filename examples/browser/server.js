// Starts and stops the real server, and keeps what it says for the moment a test fails.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const READY_MS = 20_000;
const LOG_LINES = 60;

/** Whatever ends this process ends the servers it has started. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

export class Server {
  #open;
  #node;
  #beside = [];
  #database = null;
  #child = null;
  #lines = [];
  #port = 0;

  /** `open()` gives the database it is started with first, and again with every later start. */
  constructor(open, node = "story") {
    this.#open = open;
    this.#node = node;
  }

  /** Another one on the same database, running. It ends with this one's story. */
  async beside(node) {
    const other = new Server(() => this.#database, node);
    this.#beside.push(other);
    await other.start();
    return other;
  }

  /** Waits until its pages may speak to another. */
  async knows(other) {
    for (;;) {
      const page = await fetch(this.url);
      if (page.headers.get("content-security-policy").includes(other.url)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The last lines of the log. */
  get log() {
    return this.#lines.slice(-LOG_LINES).join("\n");
  }

  /** What it shows to Prometheus: names with their labels, and numbers. */
  async metrics() {
    const plain = this.#lines.map((line) => line.replace(/\x1b\[[0-9;]*m/g, ""));
    const at = plain.map((line) => /metrics at=(\S+)/.exec(line)?.[1]).findLast(Boolean);
    const text = await (await fetch(`http://${at}/metrics`)).text();
    const numbers = text.split("\n").filter((line) => line && !line.startsWith("#"));
    return Object.fromEntries(
      numbers.map((line) => {
        const cut = line.lastIndexOf(" ");
        return [line.slice(0, cut), Number(line.slice(cut + 1))];
      }),
    );
  }

  /** Starts it; a second start listens on the same port and opens the same database. */
  async start() {
    this.#database ??= await this.#open();
    const extra = (process.env.PARLOR_SERVER_ARGS ?? "").split(" ").filter(Boolean);
    const child = spawn(
      binary(),
      [
        ...["--listen", `127.0.0.1:${this.#port}`],
        ...["--database", this.#database],
        ...["--node", this.#node],
        ...["--media", "127.0.0.1:0"],
        ...["--metrics", "127.0.0.1:0"],
        ...extra,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#child = child;
    running.add(child);
    child.stderr.on("data", (bytes) => this.#keep(bytes));
    await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`the server ${why}\n${this.log}`));
      const timer = setTimeout(() => fail(`was not ready after ${READY_MS} ms`), READY_MS);
      child.on("error", (error) => fail(`did not start: ${error.message}`));
      child.on("exit", (code, signal) => {
        running.delete(child);
        this.#keep(`[exit: ${code ?? signal}]`);
        clearTimeout(timer);
        fail(`ended with ${code ?? signal}`);
      });
      let printed = "";
      child.stdout.on("data", (bytes) => {
        this.#keep(bytes);
        printed += bytes;
        const port = /listening on http:\/\/[^\s:]+:(\d+)/.exec(printed)?.[1];
        if (!port) return;
        this.#port = Number(port);
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Ends it and those beside it. */
  async end() {
    await Promise.all([this, ...this.#beside].map((one) => one.kill()));
  }

  /** Ends it without a chance to say goodbye. */
  async kill() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  #keep(bytes) {
    this.#lines.push(...String(bytes).split("\n").filter(Boolean));
    this.#lines.splice(0, this.#lines.length - 1000);
  }
}

function binary() {
  if (process.env.PARLOR_SERVER) return process.env.PARLOR_SERVER;
  const found = ["release", "debug"]
    .map((profile) => fileURLToPath(new URL(`../../target/${profile}/server`, import.meta.url)))
    .find((path) => existsSync(path));
  if (found) return found;
  throw new Error("no server binary: build examples/server first, or set PARLOR_SERVER");
}
