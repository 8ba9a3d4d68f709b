// One sound at a time, from a blob of ours: the policy lets nothing else play.

import { blob } from "./api.js";

let playing = null;

/** Play what is at a path; the button shows it meanwhile, and pressed again stops it. Refusals are thrown. */
export async function play(path, button) {
  const again = playing?.button === button;
  playing?.stop();
  if (again) return;
  const url = URL.createObjectURL(await blob(path));
  const audio = new Audio(url);
  const stop = () => {
    audio.pause();
    URL.revokeObjectURL(url);
    button.classList.remove("playing");
    if (playing?.audio === audio) playing = null;
  };
  playing?.stop();
  playing = { audio, button, stop };
  audio.addEventListener("ended", stop);
  button.classList.add("playing");
  await audio.play();
}
