// Two servers share a database: people meet whichever they came to, and stay when one is gone.

import assert from "node:assert/strict";
import { story } from "../harness.js";

/** Longer than a silent server keeps its rooms. */
const TAKEOVER_MS = 20_000;

const why = process.env.PARLOR_POSTGRES ? false : "servers share a PostgreSQL only: PARLOR_POSTGRES";

story(
  "visitors of two servers hear each other, and stay when the one with the room is killed",
  async ({ server, visitor }) => {
    const other = await server.beside("other");
    await Promise.all([server.knows(other), other.knows(server)]);
    const ada = await visitor("Ada");
    const ben = await visitor("Ben", {}, other);
    await ada.arrive();
    await ben.join(await ada.open());
    await Promise.all([ada.hears(), ben.hears()]);
    const before = [await ada.state(), await ben.state()].map(({ participant }) => participant);

    await Promise.all([ada.markCall(), ben.markCall()]);
    await server.kill();
    await ada.until("notice the loss", (state) => state.stream === "lost");

    await Promise.all([ada.anotherCall(TAKEOVER_MS), ben.anotherCall(TAKEOVER_MS)]);
    await Promise.all([ada.hears(), ben.hears()]);
    const later = [await ada.state(), await ben.state()].map(({ participant }) => participant);
    assert.deepEqual(later, before);
    assert.equal((await ben.state()).people.length, 2);
  },
  { skip: why },
);
