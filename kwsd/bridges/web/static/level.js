// How loud it is: a bar, a mark for the peak, and a number.

import { $ } from "./dom.js";

const LOWEST_DB = -80;

/** Show a level, or none, on the meter with this id. */
export function showLevel(level, id = "level") {
  const share = (db) => `${Math.max(0, Math.min(100, 100 * (1 - db / LOWEST_DB)))}%`;
  const rms = level ? Math.max(LOWEST_DB, level.rms_db) : LOWEST_DB;
  const meter = $(id);
  meter.style.setProperty("--level", share(rms));
  meter.style.setProperty("--peak", share(level?.peak_db ?? LOWEST_DB));
  meter.setAttribute("aria-valuenow", Math.round(rms));
  meter.setAttribute("aria-valuetext", level ? `${Math.round(rms)} decibels` : "no sound");
  $(`${id}-text`).textContent = level ? `${Math.round(rms)} dB` : "–";
}
