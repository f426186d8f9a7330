// The sound that the pretended microphones pick up. Chromium's own test beep is mostly silence,
// which a server may rightly drop; this hums like somebody who never stops talking.

const RATE = 48_000;
const SECONDS = 10;
const PITCH_HZ = 140;
/** Syllables a second. A steady tone would be taken for noise and suppressed by the browser. */
const SYLLABLES_HZ = 4;

/** A WAV file: mono, 16 bits. */
export function voice() {
  const samples = RATE * SECONDS;
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at += 1) {
    const time = at / RATE;
    const syllable = 0.3 + 0.7 * Math.sin(Math.PI * SYLLABLES_HZ * time) ** 2;
    const pitch = PITCH_HZ * (1 + 0.06 * Math.sin(2 * Math.PI * 0.7 * time));
    let sum = 0;
    for (let harmonic = 1; harmonic <= 12; harmonic += 1) {
      sum += Math.sin(2 * Math.PI * pitch * harmonic * time) / (1 + Math.abs(harmonic - 4));
    }
    wav.writeInt16LE(Math.round(sum * syllable * 6_000), 44 + at * 2);
  }
  return wav;
}
