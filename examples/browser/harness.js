// A test is a story with a server and visitors of its own. Whatever happens, nothing is left
// running; and when it fails, the server's last words and the pages' consoles are printed.

import { after, test } from "node:test";
import { newServer, newVisitor, tidyUp } from "./cast.js";

const STORY_MS = 90_000;

/**
 * Registers a test. `tell({ server, visitor })` gets a running server and a maker of visitors, who
 * come to it unless another is named.
 */
export function story(name, tell, options = {}) {
  test(name, { timeout: STORY_MS, ...options }, async (context) => {
    const server = newServer();
    const visitors = [];
    const visitor = async (who, options, at = server) => {
      const made = await newVisitor(at, who, options);
      visitors.push(made);
      return made;
    };
    // A story that hangs is ended by the runner without an exception: clean up here too.
    context.after(async () => {
      await Promise.all(
        visitors.map(({ page }) =>
          page
            .context()
            .close()
            .catch(() => {}),
        ),
      );
      await server.end();
    });
    try {
      await server.start();
      await tell({ server, visitor });
      for (const one of visitors) refuseViolations(one);
    } catch (error) {
      console.error(`\n--- ${name}: the server's log\n${server.log}`);
      for (const one of visitors) {
        console.error(`--- the console of ${one.name}\n${one.console.join("\n")}`);
      }
      throw error;
    }
  });
}

/** Uncaught errors and anything the content security policy had to stop are failures. */
function refuseViolations(visitor) {
  const bad = visitor.console.filter((line) => /uncaught|Content Security Policy/i.test(line));
  if (bad.length > 0) throw new Error(`${visitor.name}'s page misbehaved:\n${bad.join("\n")}`);
}

after(tidyUp);
