// The keyword file: a field for each phrase, with its pronunciation or what is wrong with it below while somebody types.

import { get, post } from "./api.js";
import { $, make } from "./dom.js";

const PAUSE_MS = 200; // of typing, before what stands there is judged
const COMMENT = /^\s*(#(?![.0-9])|$)/;

let file = null;
let lines = []; // of a text file: { text, field, told, item } for a phrase, { text, item? } for the rest
let timer = 0;
let fields = 0;

const text = () => (file.is_toml ? $("toml-text").value : lines.map((line) => line.text).join("\n"));
const isChanged = () => file !== null && text() !== file.text;

/** Show the file as it is now, unless it is being edited. */
export async function loadKeywords(anyway = false) {
  if (isChanged() && !anyway) return;
  $("keywords-told").textContent = "";
  try {
    file = await get("/api/keywords");
  } catch (error) {
    file = null;
    lock(error.message);
    return;
  }
  file.text = file.text.replace(/\r\n?/g, "\n");
  lock(file.locked);
  $("keywords-file").textContent = file.name;
  $("lines").hidden = $("line-add").hidden = file.is_toml;
  $("toml").hidden = !file.is_toml;
  $("toml-text").value = file.is_toml ? file.text : "";
  lines = [];
  $("lines").replaceChildren();
  if (!file.is_toml) file.text.split("\n").forEach(addLine);
  await judge();
}

function lock(why) {
  $("keywords-locked").hidden = !why;
  $("keywords-locked").textContent = why ?? "";
  $("line-add").disabled = Boolean(why);
}

function addLine(content) {
  const line = { text: content };
  lines.push(line);
  if (!COMMENT.test(content)) addField(line);
  else if (content.trim()) line.item = make("li", { className: "comment quiet" }, content);
  if (line.item) $("lines").append(line.item);
}

function addField(line) {
  const id = `line-${(fields += 1)}`;
  line.told = make("p", { id: `${id}-told`, className: "ways" });
  line.field = make("input", {
    id, value: line.text, spellcheck: false, autocomplete: "off", maxLength: 500, readOnly: Boolean(file.locked),
    "aria-label": "Phrase", "aria-describedby": line.told.id,
  });
  const remove = make("button", { type: "button", className: "remove", disabled: Boolean(file.locked) }, "×");
  const name = () => remove.setAttribute("aria-label", `Remove ${line.field.value || "this phrase"}`);
  name();
  line.field.addEventListener("input", () => {
    line.text = line.field.value;
    name();
    changed();
  });
  line.field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || file.locked) return;
    event.preventDefault();
    newPhrase(lines.indexOf(line) + 1);
  });
  remove.addEventListener("click", () => {
    lines.splice(lines.indexOf(line), 1);
    const next = line.item.nextElementSibling ?? line.item.previousElementSibling;
    line.item.remove();
    (next?.querySelector("input") ?? $("line-add")).focus();
    changed();
  });
  line.item = make("li", {}, make("div", { className: "row" }, line.field, remove), line.told);
}

function newPhrase(before) {
  const line = { text: "" };
  addField(line);
  lines.splice(before, 0, line);
  const next = lines.slice(before + 1).find((other) => other.item);
  $("lines").insertBefore(line.item, next?.item ?? null);
  line.field.focus();
  changed();
}

function changed() {
  $("keywords-told").textContent = "";
  clearTimeout(timer);
  timer = setTimeout(judge, PAUSE_MS);
  enable();
}

function enable() {
  $("keywords-save").disabled = !isChanged() || Boolean(file.locked);
  $("keywords-discard").disabled = !isChanged();
}

/** Ask what would be listened for, and show it in place. */
async function judge() {
  enable();
  const about = text();
  let told;
  try {
    told = await post("/api/keywords/check", { text: about });
  } catch (error) {
    $("keywords-told").textContent = error.message;
    return;
  }
  if (file === null || about !== text()) return; // typed on meanwhile: the next answer is about that
  if (file.is_toml) {
    showTables(told.lines);
    return;
  }
  const byLine = new Map(told.lines.map((found) => [found.line, found]));
  lines.forEach((line, index) => line.field && show(line, byLine.get(index + 1)));
}

function show(line, found) {
  const bad = Boolean(found?.faults.length);
  line.field.setAttribute("aria-invalid", bad && !found.keyword);
  line.told.className = bad ? "ways bad" : "ways";
  line.told.replaceChildren(...explained(found));
}

function explained(found) {
  if (!found) return [];
  const ways = found.ways.map((way, index) => make("span", { className: index ? "way other" : "way" }, way));
  const before = found.keyword ? "" : "Not listened for: ";
  return [...ways, ...found.faults.map((fault) => make("span", { className: "fault" }, before + fault))];
}

function showTables(found) {
  const told = found.filter((each) => each.keyword || each.faults.length);
  $("tables").replaceChildren(...told.map((each) => {
    const name = each.keyword ?? (each.table ? `keyword ${each.table}` : "the file");
    return make("li", {}, make("strong", {}, name), make("p", { className: "ways" }, ...explained(each)));
  }));
}

$("toml-text").addEventListener("input", changed);
$("line-add").addEventListener("click", () => {
  newPhrase(lines.length && !lines.at(-1).text ? lines.length - 1 : lines.length); // before the end of the last line
});
$("keywords-discard").addEventListener("click", () => loadKeywords(true));
$("keywords-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!isChanged() || file.locked) return;
  $("keywords-save").disabled = true;
  const saved = text();
  try {
    const told = await post("/api/keywords/save", { text: saved, digest: file.digest });
    Object.assign(file, { text: saved, digest: told.digest });
    const problems = told.problems.map((problem) => problem.replace(`${file.name}:`, "line "));
    const said = told.unread ? `Saved, but not in force: ${told.unread}.` : `Saved. Listening for ${told.keywords.length}.`;
    $("keywords-told").textContent = [said, ...problems].join(" — ");
  } catch (error) {
    $("keywords-told").textContent = error.message;
  }
  enable();
});
addEventListener("beforeunload", (event) => {
  if (isChanged()) event.preventDefault();
});
