// What the search holds of each keyword right now: a bar with its threshold marked.

import { $, make } from "./dom.js";

const STAYS_MS = 1500; // the highest of the last moments is easier to read than each of them
const rows = new Map();

/** A keyword may be called `constructor`, which every object has. */
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

/** The keywords in force and what each has to reach. */
export function showThresholds(keywords, thresholds) {
  if (keywords.length !== rows.size || keywords.some((name) => !rows.has(name))) build(keywords);
  for (const [name, row] of rows) {
    const threshold = own(thresholds, name);
    row.mark.hidden = threshold === undefined;
    if (threshold === undefined) continue;
    row.threshold = threshold;
    row.meter.style.setProperty("--threshold", `${100 * threshold}%`);
    row.mark.title = `fires at ${threshold.toFixed(2)}`;
    tell(row);
  }
}

/** Scores by keyword; those left out hold nothing. */
export function showHeld(scores) {
  const now = performance.now();
  for (const [name, row] of rows) {
    const score = own(scores, name) ?? 0;
    if (score < row.score && now - row.since < STAYS_MS) continue;
    if (score === row.score) continue;
    row.score = score;
    row.since = now;
    tell(row);
  }
}

function build(keywords) {
  rows.clear();
  $("held").replaceChildren(...keywords.map((name) => {
    const mark = make("div", { className: "mark", hidden: true });
    const meter = make("div", { className: "bar-track", role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1 },
      make("div", { className: "bar-fill" }), mark);
    const number = make("span", { className: "number" });
    const item = make("li", {}, make("span", { className: "name" }, name), meter, number);
    rows.set(name, { item, meter, mark, number, score: 0, since: 0, threshold: 1 });
    return item;
  }));
  for (const row of rows.values()) tell(row);
}

function tell(row) {
  row.meter.style.setProperty("--score", `${100 * row.score}%`);
  row.meter.setAttribute("aria-valuenow", row.score.toFixed(2));
  row.meter.setAttribute("aria-valuetext", `${row.score.toFixed(2)} of ${row.threshold.toFixed(2)}`);
  row.number.textContent = row.score ? row.score.toFixed(2) : "–";
  row.item.classList.toggle("over", row.score >= row.threshold);
}

setInterval(() => {
  const now = performance.now();
  for (const row of rows.values()) {
    if (!row.score || now - row.since < STAYS_MS) continue;
    row.score = 0;
    tell(row);
  }
}, 500);
