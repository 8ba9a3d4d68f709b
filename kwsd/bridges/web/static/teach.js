// The lesson: takes by this device's microphone or kwsd's, what they lead to, and the keyword file with it.

import { get, post, send } from "./api.js";
import { $, make } from "./dom.js";
import { showLevel } from "./level.js";
import { isLent, record } from "./microphone.js";

const TAKE_S = 3;
const NOT_LENT = "A browser lends its microphone to pages of the same machine, or over TLS, alone. Use kwsd's, or start kwsd-web with --tls-cert and --tls-key.";

const ROOM_MINUTES = 10;
const SHARE_MS = 500; // between looks at how far learning is
const LOOK_MS = 2000; // at how much background there is, while it is gathered

let good = 0;
let roomTimer = 0;
let roomAsked = 0;
let bounds = { fewest: 3, most: 5 };

/** The daemon's level, while it is the daemon's microphone that takes are recorded with. */
export function showTeachLevel(level) {
  if (!$("lesson").hidden && $("source-daemon").checked) showLevel(level, "teach-level");
}

/** How much background there is, and whether more is being gathered. */
function showRoom({ hours, left_s, fault }) {
  const gathers = left_s > 0;
  const known = hours > 0
    ? `${hours < 1 ? `${Math.max(1, Math.round(60 * hours))} min` : `${hours.toFixed(1)} h`} of your room: takes are held against it.`
    : "None yet: only what is usual for phrases of this length is known.";
  const left = gathers ? ` Listening for ${Math.ceil(left_s / 60)} more minutes; do not say the keyword.` : " It is kept as encoder frames only, never as sound.";
  $("room-told").textContent = (fault ? `${fault} ` : "") + known + left;
  $("room-listen").textContent = gathers ? "Stop listening" : `Listen to the room for ${ROOM_MINUTES} minutes`;
  $("room-listen").dataset.gathers = gathers;
  enable();
  clearTimeout(roomTimer);
  if (gathers) roomTimer = setTimeout(() => room(get("/api/teach/room")), LOOK_MS);
}

/** Show an answer, unless something was asked since. */
async function room(answer) {
  const mine = (roomAsked += 1);
  try {
    const told = await answer;
    if (mine === roomAsked) showRoom(told);
  } catch (error) {
    if (mine === roomAsked) $("room-told").textContent = error.message;
  }
}

$("room-listen").addEventListener("click", async () => {
  $("room-listen").disabled = true;
  await room(post("/api/teach/room", { minutes: $("room-listen").dataset.gathers === "true" ? 0 : ROOM_MINUTES }));
  $("room-listen").disabled = false;
});

function enable() {
  $("teach-say").disabled = good >= bounds.most || $("room-listen").dataset.gathers === "true"; // the keyword is no background
  $("teach-say").textContent = good ? "Record another take" : "Record a take";
  $("teach-learn").disabled = good < bounds.fewest;
  $("teach-anew").hidden = !good;
}

/** Do something with all buttons disabled; what is refused is told. */
async function busy(work) {
  $("teach-say").disabled = $("teach-learn").disabled = $("teach-keep").disabled = $("teach-anew").disabled = true;
  $("teach-told").textContent = "";
  try {
    await work();
  } catch (error) {
    $("teach-told").textContent = error.name === "NotAllowedError" ? "The browser does not let this page use the microphone." : error.message;
  }
  $("teach-keep").disabled = $("teach-anew").disabled = false;
  enable();
}

const judged = ({ number, level_db, noise_db }) =>
  `Take ${number} is good: ${Math.round(level_db)} dB over noise of ${Math.round(noise_db)} dB`;

/** A lesson, with the takes of the last hour or without. */
function begin(anew) {
  return busy(async () => {
    $("lesson").hidden = $("lesson-end").hidden = true;
    bounds = await post("/api/teach/begin", { name: $("teach-name").value, anew });
    good = bounds.takes.length;
    $("takes").replaceChildren(...bounds.takes.map((take) => make("li", { className: "good" }, judged(take))));
    $("lesson").hidden = false;
    $("source-own").disabled = !isLent();
    $("source-why").textContent = isLent() ? "" : NOT_LENT;
    $(isLent() ? "source-own" : "source-daemon").checked = true;
    room(get("/api/teach/room"));
    const before = good ? ` Takes of the last hour are there again: ${good}.` : "";
    $("teach-told").textContent = `Say “${bounds.name}” ${bounds.fewest} to ${bounds.most} times, once in each take.${before}`;
  });
}

$("teach-begin").addEventListener("submit", (event) => {
  event.preventDefault();
  begin(false);
});
$("teach-anew").addEventListener("click", () => begin(true));

$("teach-say").addEventListener("click", () => busy(async () => {
  const row = make("li", { className: "recording" }, `Say it now: recording for ${TAKE_S} seconds…`);
  $("takes").append(row);
  try {
    const take = $("source-own").checked
      ? await send("/api/teach/take", await record(TAKE_S, (level) => showLevel(level, "teach-level")), "audio/wav")
      : await post("/api/teach/listen");
    row.className = take.refused ? "refused" : "good";
    row.textContent = take.refused ?? judged(take);
    good += take.refused ? 0 : 1;
  } catch (error) {
    row.remove();
    throw error;
  }
}));

/** How much of the background the takes have been held against. */
async function showShare() {
  const { share } = await get("/api/teach/learn").catch(() => ({ share: 0 }));
  $("learn-share").value = share;
  $("learn-share").hidden = !$("teach-learn").disabled; // learned meanwhile
}

$("teach-learn").addEventListener("click", () => busy(async () => {
  $("teach-told").textContent = "Listening to the takes…";
  const looks = setInterval(showShare, SHARE_MS);
  const found = await post("/api/teach/learn").finally(() => {
    clearInterval(looks);
    $("learn-share").hidden = true;
  });
  const said = [
    `As it is, ${found.before} of ${found.takes} takes are heard.`,
    `With what is new, ${found.after} of ${found.takes}: each judged by what the others led to.`,
    ...found.spellings.map((spelling) => `New spelling: ${spelling}`),
    ...(found.worth_writing && !found.changed ? ["It is heard as it is spelt, and the keyword file does not have it yet."] : []),
    found.changed ? `Threshold: ${found.threshold}` : "Nothing is worth changing: what is there hears these takes as well, or would go off too often.",
    `False alarms to be expected: ${found.per_hour.toFixed(2)} an hour, by ${found.hours ? `${found.hours.toFixed(2)} h of background` : "what is usual for phrases of its length"}.`,
  ];
  $("learned").replaceChildren(...said.map((text) => make("li", {}, text)));
  $("lesson-end").hidden = false;
  $("teach-keep").hidden = !found.worth_writing;
  $("teach-told").textContent = "";
}));

$("teach-keep").addEventListener("click", () => busy(async () => {
  const told = await post("/api/teach/keep");
  $("lesson").hidden = $("lesson-end").hidden = true;
  $("teach-told").textContent = told.unread ? `Written, but not in force: ${told.unread}.` : `Written. Listening for ${told.keywords.length}.`;
}));
