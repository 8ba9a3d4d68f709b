// Scores of what was heard and nearly heard, by keyword, with a threshold to drag: what would it have changed?

import { get, post } from "./api.js";
import { $, make } from "./dom.js";

const KEPT = 100; // scores of a keyword
const SVG = "http://www.w3.org/2000/svg";
const scores = new Map(); // keyword → [{ score, hit }]
const rows = new Map();
let curves = new Map(); // keyword → what `kwsctl tune` measured

export function forgetScores() {
  scores.clear();
  for (const row of rows.values()) draw(row);
}

/** Read what `kwsctl tune` measured, if the server was told of it. */
export async function loadCurves() {
  try {
    curves = new Map((await get("/api/curves")).curves.map((curve) => [curve.keyword, curve]));
  } catch (error) {
    $("scores-told").textContent = error.message;
  }
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
    if (row.saved !== row.inForce) row.saved = null;
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
    row.curve = document.createElementNS(SVG, "svg");
    row.curve.setAttribute("viewBox", "0 0 100 100");
    row.curve.setAttribute("preserveAspectRatio", "none");
    row.curve.setAttribute("aria-hidden", "true");
    row.curve.setAttribute("class", "curve");
    for (const kind of ["pointerdown", "pointermove"]) row.curve.addEventListener(kind, (event) => drag(row, event));
    row.measured = make("p", { className: "verdict" });
    row.slider = make("input", { type: "range", min: 0.05, max: 1, step: 0.01, "aria-label": `Threshold of ${name}` });
    row.number = make("span", { className: "number" });
    row.verdict = make("span", { className: "verdict" });
    row.button = make("button", { type: "button", disabled: true, "aria-label": `Set the threshold of ${name}` }, "Set");
    row.save = make("button", { type: "button", disabled: true, "aria-label": `Save the threshold of ${name} in the keyword file` }, "Save");
    row.slider.addEventListener("input", () => draw(row));
    row.button.addEventListener("click", () => set(row));
    row.save.addEventListener("click", () => set(row, true));
    rows.set(name, row);
    const head = make("div", { className: "head" }, make("strong", {}, name), row.number);
    const foot = make("div", { className: "head" }, row.verdict, make("span", { className: "row" }, row.button, row.save));
    return make("li", {}, head, row.curve, row.measured, row.picture, row.slider, foot);
  }));
}

/** A threshold is dragged in the curve as well as on the slider. */
function drag(row, event) {
  if (!event.buttons) return;
  if (event.type === "pointerdown") row.curve.setPointerCapture(event.pointerId);
  const { left, width } = row.curve.getBoundingClientRect();
  row.slider.value = 0.05 + (0.95 * (event.clientX - left)) / width;
  draw(row);
}

function draw(row) {
  const chosen = Number(row.slider.value);
  const known = scores.get(row.name) ?? [];
  const dots = known.map(({ score, hit }, index) => shape("circle", { cx: `${100 * place(score)}%`, cy: 8 + 12 * (index % 3), r: 4.5, class: hit ? "dot-hit" : "dot-near" }));
  const x = `${100 * place(chosen)}%`;
  row.picture.replaceChildren(...dots, shape("line", { x1: x, x2: x, y1: 0, y2: "100%", class: "limit" }));
  row.number.textContent = chosen.toFixed(2);
  row.slider.setAttribute("aria-valuetext", chosen.toFixed(2));
  drawCurve(row, chosen);
  row.button.disabled = row.inForce === null || Math.abs(chosen - row.inForce) < 0.001;
  row.save.disabled = row.inForce === null || row.saved === chosen;
  row.verdict.textContent = verdict(known, chosen);
}

/** Recall as a line, false alarms dashed, both by threshold; and in words at the one chosen. */
function drawCurve(row, chosen) {
  const curve = curves.get(row.name);
  row.curve.toggleAttribute("hidden", !curve);
  row.measured.hidden = !curve;
  if (!curve) return;
  const most = Math.max(0.001, ...curve.points.map((point) => point.false_per_hour));
  const line = (height, name) => shape("polyline", { class: name, points: curve.points.map((point) => `${100 * place(point.threshold)},${100 - 100 * height(point)}`).join(" ") });
  const proposed = 100 * place(curve.proposed.threshold);
  row.curve.replaceChildren(
    line((point) => point.false_per_hour / most, "false"), line((point) => point.recall, "recall"),
    shape("line", { x1: proposed, x2: proposed, y1: 0, y2: 100, class: "proposed" }),
    shape("line", { x1: 100 * place(chosen), x2: 100 * place(chosen), y1: 0, y2: 100, class: "chosen" }));
  const here = curve.points.reduce((best, point) => (Math.abs(point.threshold - chosen) < Math.abs(best.threshold - chosen) ? point : best));
  const per = (low, high) => `${low.toFixed(2)} to ${high === null ? "any number" : high.toFixed(2)}`;
  row.slider.setAttribute("aria-valuetext", `${chosen.toFixed(2)}: hears ${Math.round(100 * here.recall)} %, ${here.false_per_hour.toFixed(2)} false alarms an hour`);
  row.measured.textContent = [
    "Line: what is heard, to 100 %.", `Dashed: false alarms, to ${most.toFixed(2)} an hour.`,
    `Measured: hears ${Math.round(100 * here.recall)} % (${per(here.recall_low, here.recall_high)}), ${here.false_per_hour.toFixed(2)} false alarms an hour (${per(here.false_low, here.false_high)}).`,
    `Proposed: ${curve.proposed.threshold.toFixed(2)}.`, ...curve.doubts.map((doubt) => `Too little to tell: ${doubt}.`)].join(" ");
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

async function set(row, save = false) {
  row.button.disabled = row.save.disabled = true;
  const chosen = Number(row.slider.value);
  try {
    await post("/api/threshold", { keyword: row.name, threshold: chosen, save });
    if (save) row.saved = chosen;
    $("scores-told").textContent = `${row.name} fires at ${chosen.toFixed(2)} now${save ? ", and the keyword file says so" : ""}.`;
  } catch (error) {
    $("scores-told").textContent = error.message;
  }
  draw(row);
}
