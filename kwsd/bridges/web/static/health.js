// How the daemon is, in plain facts.

import { $, clock, make, span } from "./dom.js";

let before = null;

/** Share of one core since the last status, as text. */
function load(status) {
  const known = before && before.pid === status.pid && status.uptime_s > before.uptime_s;
  const [from, to] = known ? [before, status] : [{ decode_s: 0, uptime_s: 0 }, status];
  const share = (to.decode_s - from.decode_s) / Math.max(0.001, to.uptime_s - from.uptime_s);
  if (!before || status.uptime_s !== before.uptime_s) before = status;
  return `${(100 * share).toFixed(1)} % of one core for listening`;
}

/** Show a status and the last fault, or that there is no daemon. */
export function showHealth(status, fault) {
  const told = fault ? `${clock(fault.time)}: ${fault.text}` : "none since this page's server started";
  if (!status) {
    const remedy = "not running; start it with: kwsd --keywords FILE";
    return fill([["Daemon", remedy], ["Last fault", told]]);
  }
  const facts = [
    ["Listening to", `${status.microphone.name}${status.microphone.open ? "" : " (closed)"}`],
    ["Since", `${clock(new Date(Date.now() - 1000 * status.uptime_s))}, ${span(status.uptime_s)} ago`],
    ["Model", status.model],
    ["Keywords", `${status.keywords.length}, from ${status.keywords_from === "file" ? "the keyword file" : "a program"}`],
    ["Load", load(status)],
    ["Heard", `${status.detections} times`],
    ["Sound lost", status.lost_ms ? `${Math.round(status.lost_ms)} ms, ${status.overruns} times` : "none"],
    ["Microphone came back", `${status.reconnects} times`],
    ["Last fault", told],
    ["Version", status.version],
  ];
  const wrong = [status.waiting_because, status.level_because, status.degraded_because, status.reload_failed_because].filter(Boolean);
  if (wrong.length) facts.unshift(["Trouble", wrong.join("; ")]);
  fill(facts);
}

function fill(facts) {
  $("facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}
