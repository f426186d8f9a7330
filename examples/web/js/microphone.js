// The microphone: asked for once it is needed, kept for the whole visit, given back on leaving.

const WISHES = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class Microphone {
  #stream = null;
  #asking = null;
  #onChange;

  /** `onChange(status)` hears "asking", "ready", "denied" or "missing". */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  get track() {
    return this.#stream?.getAudioTracks()[0] ?? null;
  }

  /** Answers the track, or null when there is no microphone to be had. */
  async ask() {
    if (this.track) return this.track;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask() {
    // Browsers hide the microphone from pages that are neither HTTPS nor localhost.
    if (!navigator.mediaDevices?.getUserMedia) return this.#without("missing");
    this.#onChange("asking");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: WISHES });
    } catch (error) {
      return this.#without(error.name === "NotAllowedError" ? "denied" : "missing");
    }
    this.track.addEventListener("ended", () => {
      this.#stream = null;
      this.#onChange("missing");
    });
    this.#onChange("ready");
    return this.track;
  }

  #without(status) {
    this.#onChange(status);
    return null;
  }

  release() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }
}
