// Detections and near misses as they come, the newest first, each with its sound where it is kept.

import { $, clock, make, notice } from "./dom.js";
import { play } from "./sound.js";
import { forgetScores, remember } from "./thresholds.js";

const SHOWN = 200;
const rows = new Map();

/** Show the whole list anew. */
export function showHeard(list) {
  rows.clear();
  forgetScores();
  $("heard").replaceChildren();
  list.forEach(addHeard);
}

/** One more. */
export function addHeard(event) {
  const missed = event.type === "near_miss";
  const button = make("button", { type: "button", className: "play", hidden: !event.sound, "aria-label": `Play ${event.keyword}, ${clock(event.time)}` }, "▶");
  button.addEventListener("click", () => sound(event.number, button));
  const score = make("span", { className: "number", title: "score" }, event.score.toFixed(2));
  const name = make("span", { className: "name" }, event.keyword);
  const why = make("span", { className: "why" }, missed ? `nearly: ${event.reason}` : `${event.engine}, ${Math.round(event.latency_ms)} ms after its end`);
  const said = make("details", { className: "said", hidden: !event.said?.length }, make("summary", {}, "Why?"), ...(event.said ?? []).map((text) => make("p", {}, text)));
  const row = make("li", { className: missed ? "near" : "hit", "data-number": event.number },
    make("time", { dateTime: event.time }, clock(event.time)), make("div", { className: "what" }, name, why), score, button, said);
  rows.set(event.number, button);
  remember(event);
  $("heard").prepend(row);
  $("heard-none").hidden = true;
  while ($("heard").childElementCount > SHOWN) {
    rows.delete(Number($("heard").lastElementChild.dataset.number));
    $("heard").lastElementChild.remove();
  }
}

/** Whether there is sound of one of them. */
export function markSound(number, sound) {
  const button = rows.get(number);
  if (button) button.hidden = !sound;
}

async function sound(number, button) {
  try {
    await play(`/api/clips/${number}`, button);
  } catch (error) {
    notice(error.message);
  }
}

$("near").addEventListener("change", () => $("heard").classList.toggle("without-near", !$("near").checked));
