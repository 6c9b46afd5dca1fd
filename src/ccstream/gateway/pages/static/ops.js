// The page of operations: asks the gateway every two seconds and shows what it says.

const EVERY_MS = 2000;
const RUNBOOKS = "docs/operations.md";

const body = document.body;
const at = (id) => document.getElementById(id);
let key = "";
let timer = 0;
let answeredAt = 0;

const count = (value) => Math.round(value).toLocaleString("en");
const unknown = (value, shown) => (value === null ? "–" : shown(value));

function duration(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 120) return `${Number(seconds.toPrecision(3))} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function element(name, className, text, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

// Only what differs is touched, so that a screen reader or a selection is not disturbed.
function fill(target, made) {
  if (target.innerHTML === element("div", "", undefined, ...made.map((one) => one.cloneNode(true))).innerHTML) return;
  target.replaceChildren(...made);
}

function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function row(labels, cells, level) {
  const made = element("tr");
  if (level) made.dataset.level = level;
  cells.forEach(([text, isNumber], place) => {
    const cell = element("td", isNumber ? "number" : "", text);
    cell.dataset.label = labels[place];
    made.append(cell);
  });
  return made;
}

const labelsOf = (id) => [...at(id).closest("table").querySelectorAll("th")].map((one) => one.textContent);
const text = (value) => [value, false];
const number = (value) => [value, true];

function ranges(numbers) {
  const found = [];
  for (const one of numbers) {
    const last = found[found.length - 1];
    if (last && last[1] === one - 1) last[1] = one;
    else found.push([one, one]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ") || "none";
}

const VERDICTS = { ok: "All is well", warn: "Something to look at", bad: "Something is wrong" };

function cellOf(one) {
  const late = (one.lag_seconds || 0) > 1;
  const level = { serving: late ? "warn" : "ok", restoring: "warn" }[one.state] || "bad";
  const words = {
    serving: late ? `${duration(one.lag_seconds)} behind` : "in time",
    restoring: `${count(one.restore_remaining)} to restore`,
    paused: "paused",
    unserved: "not served",
  }[one.state];
  const made = element("li", "cell", undefined, element("span", "cell-number", String(one.number)), element("span", "cell-words", words));
  made.dataset.level = level;
  made.dataset.state = one.state;
  return made;
}

function show(found) {
  body.dataset.level = found.level;
  say(at("verdict"), VERDICTS[found.level]);
  say(at("asked"), found.window_seconds === null
    ? "Rates and latencies follow in a moment."
    : `Rates and latencies are of the last ${Math.round(found.window_seconds)} s.`);
  const served = found.partitions.filter((one) => one.state === "serving");
  const within = found.latency.map((one) => one.p99_seconds).filter((one) => one !== null);
  say(at("rate"), unknown(found.events_per_second, count));
  say(at("lag"), served.length ? duration(Math.max(...served.map((one) => one.lag_seconds))) : "–");
  say(at("slowest"), within.length ? duration(Math.max(...within)) : "–");
  say(at("served"), `${served.length} of ${found.partitions.length}`);
  say(at("count"), found.silent.length ? `${found.workers.length} of ${found.workers.length + found.silent.length}` : String(found.workers.length));

  fill(at("concerns"), found.concerns.map((one) => {
    const made = element("li", "concern", undefined, element("span", "", one.text), element("code", "", `${RUNBOOKS}#${one.runbook.toLowerCase()}`));
    made.dataset.level = one.level;
    return made;
  }));
  const waiting = served.reduce((sum, one) => sum + one.lag_records, 0);
  say(at("partitions-words"), `${count(waiting)} records wait`);
  fill(at("partitions"), found.partitions.map(cellOf));

  const workers = labelsOf("workers");
  fill(at("workers"), [
    ...found.workers.map((one) => row(workers, [
      text(one.name), text(one.state), text(ranges(one.partitions)),
      number(unknown(one.events_per_second, count)), number(count(one.lag_records)), number(duration(one.lag_seconds)),
      number(count(one.restore_remaining)), number(count(one.standby_lag)), number(unknown(one.commit_p99_seconds, duration)),
    ], one.state === "serving" ? "ok" : "warn")),
    ...found.silent.map((one) => {
      const made = row(workers, [text(one.address), text(one.reason)], "bad");
      made.lastChild.colSpan = workers.length - 1;
      return made;
    }),
  ]);
  const latency = labelsOf("latency");
  fill(at("latency"), found.latency.map((one) => row(latency, [
    text(one.aggregate), number(count(one.events)), number(unknown(one.p50_seconds, duration)), number(unknown(one.p99_seconds, duration)),
    number(unknown(one.within_objective, (share) => `${(share * 100).toFixed(1)} %`)),
  ])));
  const rejected = labelsOf("rejected");
  fill(at("rejected"), found.rejected.map((one) => row(rejected, [text(one.reason), number(count(one.total)), number(unknown(one.recent, count))])));
  at("rejected").closest("table").hidden = !found.rejected.length;
  at("rejected-none").hidden = Boolean(found.rejected.length);
}

function askForKey(why) {
  key = "";
  at("board").hidden = true;
  at("key-form").hidden = false;
  body.dataset.level = "unknown";
  say(at("verdict"), "Who asks?");
  say(at("asked"), "What the workers say is for whoever runs them.");
  if (why) say(at("key-why"), why);
}

async function turn() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/v1/operations", { headers: key ? { Authorization: `Bearer ${key}` } : {}, signal: AbortSignal.timeout(10000) });
    if (answer.status === 401 || answer.status === 403) {
      const problem = await answer.json();
      askForKey(key ? problem.detail : "");
      return; // until somebody gives another key
    }
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    answeredAt = Date.now();
    at("key-form").hidden = true;
    at("board").hidden = false;
  } catch {
    body.dataset.level = "bad";
    say(at("verdict"), "The gateway does not answer");
    const ago = answeredAt ? `What is below is ${duration((Date.now() - answeredAt) / 1000)} old.` : "Trying again.";
    say(at("asked"), ago);
  }
  if (!document.hidden) timer = setTimeout(turn, EVERY_MS);
}

at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value.trim();
  at("key").value = "";
  turn();
});

// A tab that nobody looks at asks nothing.
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden && at("key-form").hidden) turn();
});

turn();
