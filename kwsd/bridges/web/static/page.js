// The page as a whole: the token, the stream of what happens, the views and the mute button.

import { Refused, follow, forgetToken, keepToken, post, takeToken } from "./api.js";
import { $, notice } from "./dom.js";
import { addHeard, markSound, showHeard } from "./heard.js";
import { showHealth } from "./health.js";
import { showHeld, showThresholds } from "./held.js";
import { loadKeywords } from "./keywords.js";
import { showLevel } from "./level.js";
import { loadSaved } from "./review.js";
import { draw } from "./spectrum.js";
import { showTeachLevel } from "./teach.js";
import { loadCurves, showScores } from "./thresholds.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10000;
const STATES = {
  listening: "Listening",
  waiting: "Waiting for a microphone",
  silent: "The microphone gives nothing",
  muted: "Muted",
  gone: "kwsd is not running",
};
const views = [...document.querySelectorAll(".view")];

function showState(state) {
  $("state").dataset.state = state;
  if ($("state-text").textContent !== STATES[state]) $("state-text").textContent = STATES[state];
  const muted = state === "muted";
  $("mute").disabled = state === "gone";
  $("mute").setAttribute("aria-pressed", muted);
  $("mute").textContent = muted ? "Unmute" : "Mute";
  if (state !== "listening") showLevel(null);
}

function showStatus(status, fault) {
  showState(status ? status.state : "gone");
  showHealth(status, fault);
  showThresholds(status ? status.keywords : [], status?.thresholds ?? {});
  showScores(status?.thresholds ?? {});
}

function showLevels(told) {
  showLevel(told);
  showTeachLevel(told);
}

const takers = {
  snapshot: (told) => {
    showHeard(told.heard);
    showStatus(told.status, told.fault);
  },
  status: (told) => showStatus(told.status, told.fault),
  detection: addHeard,
  near_miss: addHeard,
  sound: (told) => markSound(told.number, told.sound),
  level: showLevels,
  held: (told) => showHeld(told.scores),
  spectrum: (told) => {
    draw(told);
    showLevels(told);
  },
};

async function followForEver() {
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    try {
      await follow("/api/events", (told) => {
        pause = FIRST_PAUSE_MS;
        takers[told.type]?.(told);
      });
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return enter(error.message);
      if (error instanceof Refused) notice(error.message);
    }
    showState("gone");
    $("state-text").textContent = "kwsd-web does not answer";
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** Ask for the token. */
function enter(why) {
  forgetToken();
  if (why) $("entrance-why").textContent = why;
  showState("gone");
  $("state-text").textContent = "Locked";
  document.querySelector("nav").hidden = true;
  for (const view of views) view.hidden = true;
  $("entrance").hidden = false;
  $("token").focus();
}

function open() {
  $("entrance").hidden = true;
  document.querySelector("nav").hidden = false;
  showView();
  followForEver();
}

function showView() {
  const name = views.some((view) => `#${view.id}` === location.hash) ? location.hash : "#live";
  for (const view of views) view.hidden = `#${view.id}` !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (name === "#keywords") loadKeywords();
  if (name === "#clips") loadSaved();
  if (name === "#tune") loadCurves();
}

$("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken($("token").value);
  $("token").value = "";
  open();
});

$("mute").addEventListener("click", async () => {
  const muted = $("mute").getAttribute("aria-pressed") !== "true";
  $("mute").disabled = true;
  try {
    await post("/api/mute", { muted });
    notice();
    showState(muted ? "muted" : "waiting");
  } catch (error) {
    notice(error.message);
  }
  $("mute").disabled = $("state").dataset.state === "gone";
});

addEventListener("hashchange", () => {
  if (takeToken() && !$("entrance").hidden) open();
  else if ($("entrance").hidden) showView();
});

if (takeToken()) open();
else enter();
