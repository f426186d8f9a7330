// One voice per person and room: when a second tab of the same browser enters a room, the first
// gives way instead of fighting over the connection.

const channel = "BroadcastChannel" in window ? new BroadcastChannel("parlor") : null;
const tab = Math.random().toString(36).slice(2);

/** Tells other tabs that this one is in the room now. */
export function claim(room) {
  channel?.postMessage({ tab, room });
}

/** `onTaken(room)` runs when another tab has entered a room. */
export function watch(onTaken) {
  channel?.addEventListener("message", ({ data }) => {
    if (data.tab !== tab) onTaken(data.room);
  });
}
