// Elements are made here and filled by textContent alone: what comes from outside is shown, never rendered.

/** The element of the page with this id. */
export const $ = (id) => document.getElementById(id);

/** A new element: properties that start with `aria` or `data`, `role` and `for` become attributes. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (/^(aria-|data-|role$|for$)/.test(key)) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/** A message at the top of the page, until the next one or none. */
export function notice(text = "") {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

/** `14:03:07`, of a time in ISO 8601. */
export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** `3 min`, of seconds. */
export function span(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  const found = units.find(([size]) => seconds >= size);
  return found ? `${Math.floor(seconds / found[0])} ${found[1]}` : `${Math.floor(seconds)} s`;
}
