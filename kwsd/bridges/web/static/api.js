// Requests with the token in a header: no cookie, so that no other page's request carries it.

const STORED = "kwsd-token";

/** What was refused, with the server's reason. */
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** The token of the link's fragment, which is taken out of the address, or the one kept for this tab. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(STORED);
}

/** Keep a token, or whatever link it is part of, for as long as the tab is open. */
export function keepToken(text) {
  sessionStorage.setItem(STORED, text.trim().replace(/^.*token=/, ""));
}

export function forgetToken() {
  sessionStorage.removeItem(STORED);
}

async function request(path, options = {}) {
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(STORED)}`, ...options.headers };
  const answer = await fetch(path, { ...options, headers, credentials: "omit", redirect: "error" });
  if (!answer.ok) {
    const reason = await answer.json().then((told) => told.error, () => answer.statusText);
    throw new Refused(answer.status, reason);
  }
  return answer;
}

/** Ask for data. */
export const get = async (path) => (await request(path)).json();

/** Ask for a change. */
export const post = (path, fields = {}) => send(path, JSON.stringify(fields), "application/json");

/** Ask for a change with a body of some type. */
export async function send(path, body, type) {
  return (await request(path, { method: "POST", headers: { "Content-Type": type }, body })).json();
}

/** Ask for a sound. */
export const blob = async (path) => (await request(path)).blob();

/** Call `take` with every record that the server tells, until it ends. */
export async function follow(path, take) {
  const reader = (await request(path)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) take(JSON.parse(line));
  }
}
