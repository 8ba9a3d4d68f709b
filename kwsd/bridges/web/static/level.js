// How loud it is: a bar, a mark for the peak, and a number.

import { $ } from "./dom.js";

const LOWEST_DB = -80;

/** Show a level, or none. */
export function showLevel(level) {
  const share = (db) => `${Math.max(0, Math.min(100, 100 * (1 - db / LOWEST_DB)))}%`;
  const rms = level ? Math.max(LOWEST_DB, level.rms_db) : LOWEST_DB;
  $("level").style.setProperty("--level", share(rms));
  $("level").style.setProperty("--peak", share(level ? level.peak_db : LOWEST_DB));
  $("level").setAttribute("aria-valuenow", Math.round(rms));
  $("level").setAttribute("aria-valuetext", level ? `${Math.round(rms)} decibels` : "no sound");
  $("level-text").textContent = level ? `${Math.round(rms)} dB` : "–";
}
