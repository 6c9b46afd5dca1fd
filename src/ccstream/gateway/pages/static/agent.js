// A customer at a glance: finds one, shows what is known, and shows it anew when it changes.
//
// What is shown is asked for as a whole; the stream beside it only tells when to ask. A key or token
// that is typed in stays in this tab. Where a proxy adds one, nothing is asked for.

import { render } from "/agent-view.js";

const RETRY_MS = 1500;
const AGAIN_MS = 30_000; // whether a contact is allowed depends on the hour, too
const TOKEN = "ccstream-token";

const byId = (id) => document.getElementById(id);
let key = decodeURIComponent(location.pathname.replace(/^\/agents\/?/, ""));
let stopped = new AbortController();
let asking = false, again = false;

function headers(more = {}) {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

function path(suffix = "") {
  return `/v1/agents/profiles/${encodeURIComponent(key)}${suffix}`;
}

function show(what) {
  byId("idle").hidden = what !== "idle";
  byId("sign-in").hidden = what !== "sign-in";
  byId("customer").hidden = what !== "customer";
  if (what === "sign-in") byId("token").focus();
}

function state(name, text) {
  document.body.dataset.state = name;
  byId("live").textContent = text;
}

async function refused(answer) {
  const problem = await answer.json().catch(() => ({ detail: `The gateway answered ${answer.status}.` }));
  if (answer.status === 401) {
    sessionStorage.removeItem(TOKEN);
    show("sign-in");
  }
  byId("notice").textContent = answer.status === 401 ? "" : problem.detail;
}

async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    const asked = key;
    try {
      const answer = await fetch(path(), { headers: headers(), signal: stopped.signal });
      if (answer.ok) {
        const view = await answer.json();
        if (asked === key) {
          byId("notice").textContent = "";
          show("customer");
          render(view);
        }
      } else if (answer.status === 503) {
        setTimeout(refresh, RETRY_MS);
      } else await refused(answer);
    } catch (error) {
      if (error.name !== "AbortError") setTimeout(refresh, RETRY_MS);
    }
  } while (again);
  asking = false;
}

async function follow() {
  const { signal } = stopped;
  while (!signal.aborted) {
    try {
      const answer = await fetch(path("/changes"), { headers: headers(), signal });
      if ([400, 401, 403].includes(answer.status)) {
        await refused(answer);
        return;
      }
      if (answer.ok) {
        state("live", "Live");
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let line = ""; // what came of the line that is not yet whole
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          const lines = (line + part.value).split("\n");
          line = lines.pop();
          if (lines.includes("event: changed")) refresh();
        }
      }
    } catch {
      if (signal.aborted) return;
    }
    state("waiting", "Waiting for the connection");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (1 + Math.random())));
  }
}

function open() {
  stopped.abort();
  stopped = new AbortController();
  asking = false;
  if (!key) {
    state("idle", "");
    show("idle");
    return;
  }
  state("connecting", "Connecting");
  refresh();
  follow();
}

async function search(text) {
  const answer = await fetch("/v1/agents/search", {
    method: "POST",
    headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify({ text }),
  });
  if (!answer.ok) return refused(answer);
  const { keys } = await answer.json();
  if (!keys.length) {
    byId("notice").textContent = "Nobody is known by that.";
    return undefined;
  }
  byId("notice").textContent = "";
  key = keys[0];
  history.pushState(null, "", `/agents/${encodeURIComponent(key)}`);
  open();
  return undefined;
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (text) search(text).catch(() => { byId("notice").textContent = "The gateway cannot be reached; try again."; });
});

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId("token").value.trim());
  byId("token").value = "";
  show(key ? "customer" : "idle");
  open();
});

addEventListener("popstate", () => {
  key = decodeURIComponent(location.pathname.replace(/^\/agents\/?/, ""));
  open();
});

setInterval(() => { if (key && !document.hidden) refresh(); }, AGAIN_MS);
open();
