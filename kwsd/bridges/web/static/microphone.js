// This device's microphone: some seconds of it, as a WAV file of 16 kHz.

const RATE_HZ = 16000;
const SOUND_AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

/** Whether the browser lends it at all: to this machine's own pages and over TLS alone. */
export const isLent = () => window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** Record for so many seconds; `onLevel` is told { rms_db, peak_db } meanwhile. The microphone is closed afterwards. */
export async function record(seconds, onLevel) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: SOUND_AS_IT_IS });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule("/recorder.js");
    const recorder = new AudioWorkletNode(context, "recorder");
    const parts = [];
    let length = 0;
    const wanted = seconds * context.sampleRate;
    const done = new Promise((resolve) => {
      recorder.port.onmessage = ({ data }) => {
        parts.push(data);
        length += data.length;
        if (parts.length % 40 === 0) onLevel(levelOf(parts.slice(-40)));
        if (length >= wanted) resolve();
      };
    });
    context.createMediaStreamSource(stream).connect(recorder);
    await done;
    return wav(await resampled(parts, length, context.sampleRate));
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
  }
}

function levelOf(parts) {
  const samples = parts.flatMap((part) => [...part]);
  const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { rms_db: 10 * Math.log10(power + 1e-12), peak_db: 20 * Math.log10(peak + 1e-6) };
}

async function resampled(parts, length, rate) {
  const offline = new OfflineAudioContext(1, Math.round((length * RATE_HZ) / rate), RATE_HZ);
  const buffer = offline.createBuffer(1, length, rate);
  let at = 0;
  for (const part of parts) {
    buffer.copyToChannel(part, 0, at);
    at += part.length;
  }
  const source = offline.createBufferSource();
  source.buffer = buffer;
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
}

function wav(samples) {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, index) => bytes.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  [1, 1].forEach((value, index) => bytes.setUint16(20 + 2 * index, value, true));
  bytes.setUint32(24, RATE_HZ, true);
  bytes.setUint32(28, 2 * RATE_HZ, true);
  [2, 16].forEach((value, index) => bytes.setUint16(32 + 2 * index, value, true));
  text(36, "data");
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, index) => bytes.setInt16(44 + 2 * index, Math.max(-1, Math.min(1, value)) * 32767, true));
  return bytes.buffer;
}
