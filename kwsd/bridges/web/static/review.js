// Saved clips and near misses: listen, say whether the keyword was said, or delete. Keys as in `kwsctl review`.

import { get, post } from "./api.js";
import { $, clock, make } from "./dom.js";
import { play } from "./sound.js";

const KEYS = { r: "right", w: "wrong", d: "delete" };
const VERDICTS = [["right", "Right"], ["wrong", "Wrong"], ["delete", "Delete"]];

/** Show what is saved now. */
export async function loadSaved() {
  $("saved-told").textContent = "";
  try {
    const { folder, clips, more } = await get("/api/saved");
    $("saved-folder").textContent = folder;
    $("saved").replaceChildren(...clips.map(row));
    $("saved-none").textContent = "Nothing is saved yet.";
    if (more) $("saved-told").textContent = `${more} older ones are not shown; delete some, or use: kwsctl review`;
  } catch (error) {
    $("saved-folder").textContent = "";
    $("saved").replaceChildren();
    $("saved-none").textContent = error.message;
  }
  count();
}

function row(clip) {
  const when = clip.time ? `${clip.time.slice(0, 10)} ${clock(clip.time)}` : "";
  const name = clip.keyword.replaceAll("_", " "); // as a file name writes it
  const what = `${name}, ${when}`;
  const button = make("button", { type: "button", className: "play", "aria-label": `Play ${what}` }, "▶");
  button.addEventListener("click", () => sound(clip, button));
  const verdicts = VERDICTS.map(([verdict, label]) => {
    const made = make("button", { type: "button", className: `verdict-${verdict}`, "aria-label": `${label}: ${what}` }, label);
    if (verdict !== "delete") made.setAttribute("aria-pressed", clip.mark === verdict);
    made.addEventListener("click", () => judge(clip, item, verdict));
    return made;
  });
  const item = make("li", { className: clip.near_miss ? "near" : "hit", "data-mark": clip.mark ?? "" },
    make("time", { dateTime: clip.time ?? "" }, when),
    make("div", { className: "what" }, make("span", { className: "name" }, name), make("span", { className: "why" }, clip.near_miss ? "nearly heard" : "heard")),
    button, make("div", { className: "verdicts", role: "group", "aria-label": `Was it said? ${what}` }, ...verdicts));
  item.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "p") sound(clip, button);
    else if (KEYS[event.key]) judge(clip, item, KEYS[event.key]);
    else if (event.key === "ArrowDown") focus(item.nextElementSibling);
    else if (event.key === "ArrowUp") focus(item.previousElementSibling);
    else return;
    event.preventDefault();
  });
  return item;
}

const focus = (item) => item?.querySelector(".play").focus();

async function sound(clip, button) {
  try {
    await play(`/api/saved/${clip.number}`, button);
  } catch (error) {
    $("saved-told").textContent = error.message;
  }
}

/** Pressed again, a mark is taken back. */
async function judge(clip, item, verdict) {
  $("saved-told").textContent = "";
  try {
    const { mark } = await post("/api/saved/judge", { number: clip.number, verdict: clip.mark === verdict ? null : verdict });
    if (verdict === "delete") {
      focus(item.nextElementSibling ?? item.previousElementSibling);
      item.remove();
    } else {
      clip.mark = mark;
      item.dataset.mark = mark ?? "";
      for (const each of ["right", "wrong"]) item.querySelector(`.verdict-${each}`).setAttribute("aria-pressed", mark === each);
    }
  } catch (error) {
    $("saved-told").textContent = error.message;
  }
  count();
}

function count() {
  const all = $("saved").childElementCount;
  const open = $("saved").querySelectorAll("[data-mark='']").length;
  $("saved-none").hidden = all > 0;
  $("saved-count").textContent = all ? `${open} of ${all} are still to be judged.` : "";
}
