// The peer connection: one voice up, three voices down, and back again after any failure.
//
// An offer holds the microphone first and then three receiving slots; the server fills the slots
// with whoever is loudest, so nothing is renegotiated while people come and go. Every attempt is a
// new connection and a new offer: simple, and the server treats it as the same participant.

import { Backoff, pause } from "./backoff.js";

const SLOTS = 3;
const GATHERING_MS = 1_000;
/** An attempt that is not connected by then is given up. */
const CONNECTING_MS = 10_000;
/** ICE often heals a short gap by itself; after this long it rarely does. */
const DISCONNECTED_MS = 3_000;

export class MediaLink {
  #offer;
  #onStatus;
  #onBlocked;
  #players = [...document.querySelectorAll("audio.slot")];
  #track = null;
  #pc = null;
  #previous = null;
  #attempt = null;
  #backoff = new Backoff();

  /**
   * `offer(sdp)` answers the server's SDP; it may answer null to end the attempt without another
   * (whoever refused will call `connect` when the time has come). `onStatus` hears "connecting",
   * "connected" and "lost"; `onBlocked(true)` when the browser wants a click before playing.
   */
  constructor({ offer, onStatus, onBlocked }) {
    this.#offer = offer;
    this.#onStatus = onStatus;
    this.#onBlocked = onBlocked;
  }

  get pc() {
    return this.#pc;
  }

  /** Sends this track from now on, without a new offer. */
  async send(track) {
    this.#track = track;
    await this.#pc?.getTransceivers()[0]?.sender.replaceTrack(track);
  }

  /** Connects anew, whatever the present connection is like. */
  async connect() {
    this.#attempt?.abort();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#onStatus("connecting");
    try {
      await this.#negotiate(attempt.signal);
    } catch {
      this.#retry(attempt.signal);
    }
  }

  close() {
    this.#attempt?.abort();
    this.#pc?.close();
    this.#previous?.close();
    this.#pc = null;
    for (const player of this.#players) player.srcObject = null;
  }

  /** Plays what the browser held back; call it from a click. */
  unblock() {
    for (const player of this.#players) this.#play(player);
  }

  async #negotiate(signal) {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    // The old connection goes on playing until the new one has its answer.
    this.#previous?.close();
    this.#previous = this.#pc;
    this.#pc = pc;

    const up = pc.addTransceiver("audio", { direction: "sendonly" });
    const slots = Array.from({ length: SLOTS }, () =>
      pc.addTransceiver("audio", { direction: "recvonly" }),
    );
    await up.sender.replaceTrack(this.#track);
    pc.ontrack = ({ transceiver, track }) => {
      const player = this.#players[slots.indexOf(transceiver)];
      if (!player || pc !== this.#pc) return;
      player.srcObject = new MediaStream([track]);
      this.#play(player);
    };
    this.#watch(pc, signal);

    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    if (signal.aborted) return;
    const answer = await this.#offer(pc.localDescription.sdp);
    if (signal.aborted || answer === null) return;
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    this.#previous?.close();
    this.#previous = null;
  }

  #watch(pc, signal) {
    let timer = setTimeout(() => this.#retry(signal), CONNECTING_MS);
    signal.addEventListener("abort", () => clearTimeout(timer));
    pc.onconnectionstatechange = () => {
      if (signal.aborted || pc !== this.#pc) return;
      if (pc.connectionState === "connected") {
        clearTimeout(timer);
        this.#backoff.reset();
        this.#onStatus("connected");
      } else if (pc.connectionState === "disconnected") {
        clearTimeout(timer);
        timer = setTimeout(() => this.#retry(signal), DISCONNECTED_MS);
      } else if (["failed", "new", "closed"].includes(pc.connectionState)) {
        // "new" once more is what a transport closed by the other side looks like.
        clearTimeout(timer);
        this.#retry(signal);
      }
    };
  }

  async #retry(signal) {
    if (signal.aborted) return;
    this.#onStatus("lost");
    await pause(this.#backoff.next(), signal);
    if (!signal.aborted) this.connect();
  }

  async #play(player) {
    if (!player.srcObject) return;
    try {
      await player.play();
      this.#onBlocked(false);
    } catch (error) {
      // "AbortError" only says that a newer source took over.
      if (error.name === "NotAllowedError") this.#onBlocked(true);
    }
  }
}

/** Resolves when all candidates are in the offer, or after a second at most. */
function gathered(pc) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
