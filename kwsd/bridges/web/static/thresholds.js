// Scores of what was heard and nearly heard, by keyword, with a threshold to drag: what would it have changed?

import { post } from "./api.js";
import { $, make } from "./dom.js";

const KEPT = 100; // scores of a keyword
const SVG = "http://www.w3.org/2000/svg";
const scores = new Map(); // keyword → [{ score, hit }]
const rows = new Map();

export function forgetScores() {
  scores.clear();
  for (const row of rows.values()) draw(row);
}

/** A detection or near miss. */
export function remember(event) {
  const known = scores.get(event.keyword) ?? [];
  known.push({ score: event.score, hit: event.type !== "near_miss", rule: event.why?.rule });
  if (known.length > KEPT) known.shift();
  scores.set(event.keyword, known);
  const row = rows.get(event.keyword);
  if (row) draw(row);
}

/** The thresholds in force, by keyword. */
export function showScores(thresholds) {
  const names = Object.keys(thresholds);
  if (names.length !== rows.size || names.some((name) => !rows.has(name))) build(names);
  $("scores-none").hidden = names.length > 0;
  for (const [name, row] of rows) {
    if (row.inForce === thresholds[name]) continue;
    row.inForce = thresholds[name];
    row.slider.value = thresholds[name];
    draw(row);
  }
}

function build(names) {
  rows.clear();
  $("scores").replaceChildren(...names.map((name) => {
    const row = { name, inForce: null };
    row.picture = document.createElementNS(SVG, "svg");
    row.picture.setAttribute("aria-hidden", "true");
    row.slider = make("input", { type: "range", min: 0.05, max: 1, step: 0.01, "aria-label": `Threshold of ${name}` });
    row.number = make("span", { className: "number" });
    row.verdict = make("span", { className: "verdict" });
    row.button = make("button", { type: "button", disabled: true, "aria-label": `Set the threshold of ${name}` }, "Set");
    row.slider.addEventListener("input", () => draw(row));
    row.button.addEventListener("click", () => set(row));
    rows.set(name, row);
    const head = make("div", { className: "head" }, make("strong", {}, name), row.number);
    const foot = make("div", { className: "head" }, row.verdict, row.button);
    return make("li", {}, head, row.picture, row.slider, foot);
  }));
}

function draw(row) {
  const chosen = Number(row.slider.value);
  const known = scores.get(row.name) ?? [];
  const dots = known.map(({ score, hit }, index) => shape("circle", { cx: `${100 * place(score)}%`, cy: 8 + 12 * (index % 3), r: 4.5, class: hit ? "dot-hit" : "dot-near" }));
  const x = `${100 * place(chosen)}%`;
  row.picture.replaceChildren(...dots, shape("line", { x1: x, x2: x, y1: 0, y2: "100%", class: "limit" }));
  row.number.textContent = chosen.toFixed(2);
  row.slider.setAttribute("aria-valuetext", chosen.toFixed(2));
  row.button.disabled = row.inForce === null || Math.abs(chosen - row.inForce) < 0.001;
  row.verdict.textContent = verdict(known, chosen);
}

function verdict(known, chosen) {
  if (!known.length) return "nothing heard of it yet";
  const hits = known.filter((each) => each.hit);
  const low = known.filter((each) => !each.hit && each.rule === "low_score"); // a lower threshold changes these alone
  const kept = hits.filter((each) => each.score >= chosen).length;
  const won = low.filter((each) => each.score >= chosen).length;
  const told = [hits.length && `keeps ${kept} of ${hits.length} that fired`, low.length && `adds ${won} of ${low.length} that were not sure enough`];
  return told.filter(Boolean).join(", ") || "none of what was nearly heard depends on it";
}

/** From 0.05 to 1, as the slider goes. */
const place = (score) => Math.max(0, Math.min(1, (score - 0.05) / 0.95));

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

async function set(row) {
  row.button.disabled = true;
  try {
    await post("/api/threshold", { keyword: row.name, threshold: Number(row.slider.value) });
    $("scores-told").textContent = `${row.name} fires at ${Number(row.slider.value).toFixed(2)} now.`;
  } catch (error) {
    $("scores-told").textContent = error.message;
  }
  draw(row);
}
