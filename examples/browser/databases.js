// A database for each story: a SQLite file, or one of a throw-away PostgreSQL.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

let postgres = null;
let made = 0;

/** The next database. Files go to `folder`. */
export async function nextDatabase(folder) {
  made += 1;
  const program = process.env.PARLOR_POSTGRES;
  if (!program) return join(folder, `story-${process.pid}-${made}.db`);
  postgres ??= start(program);
  postgres.child.stdin.write("\n");
  const { value, done } = await postgres.lines.next();
  if (done) throw new Error(`${program} gave no database`);
  return value;
}

/** Ends the PostgreSQL, if there is one. */
export function endDatabases() {
  postgres?.child.stdin.end();
  postgres = null;
}

function start(program) {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}
