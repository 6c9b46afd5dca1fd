// Draws a customer at a glance from what /v1/agents/profiles/{key} answers. Text is set as text only.

import { byAdding } from "/client.js";

const byId = (id) => document.getElementById(id);
const STORY_MAX = 14;
const DAY_MS = 86_400_000;

const CHANNELS = {
  web: "Web shop", app: "App", store: "Store", call_centre: "Call centre", social: "Social",
  email: "E-mail", sms: "SMS", push: "Push", chat: "Chat", post: "Post", phone: "Phone",
};
const IN = {
  web: "in the web shop", app: "in the app", store: "in a store", call_centre: "on the phone",
  social: "on social media", email: "by e-mail", sms: "by SMS", push: "by push message",
  chat: "in a chat", post: "by post",
};
const DID = {
  CartItemAdded: "Put into the basket", CartItemRemoved: "Taken out of the basket",
  CartItemQuantitySet: "Quantity changed", CartCleared: "Basket emptied", OrderPlaced: "Order placed",
  ProfileUpdated: "Details changed", ConsentChanged: "Consent changed",
  ContactPreferencesChanged: "Contact preferences changed", ChannelVisited: "Came in",
  ProductViewed: "Looked at", ProductTried: "Tried on or out", CampaignClicked: "Clicked a campaign",
  MessageOpened: "Opened a message", PostEngaged: "Reacted to a post", InteractionLogged: "Talked to us",
};
const STATUS = { granted: "agreed", pending: "asked", refused: "refused", withdrawn: "withdrawn" };
const NAMES = [["given_name", "family_name"], ["first_name", "last_name"], ["name"]];

const FRESH_MS = 5000;

let since = new Map(); // what is shown, by its name: since when
let shownFor = "";

export function render(view) {
  const shown = new Map(), now = Date.now();
  const first = shownFor !== view.subject;
  if (first) since = new Map();
  // A change is drawn several times, as several things come of it: what is new stays so for a while.
  const isNew = (name) => {
    shown.set(name, since.get(name) ?? (first ? 0 : now));
    return now - shown.get(name) < FRESH_MS;
  };
  who(view);
  basket(view.cart, isNew);
  orders(view.orders, isNew);
  interactions(view.interactions, isNew);
  contact(view.may_contact);
  traits(view.traits);
  identifiers(view.identifiers, isNew);
  consents(view.consents, isNew);
  lanes(view.timeline);
  story(view.timeline, isNew);
  byId("as-of").textContent = `As of ${new Date(view.as_of.time).toLocaleTimeString("en-GB")}, partition ${view.as_of.partition}. Each look is noted.`;
  since = shown;
  shownFor = view.subject;
}

function who(view) {
  const known = Object.fromEntries(view.traits.map((trait) => [trait.name, lastOf(trait).value]));
  const names = NAMES.map((parts) => parts.map((part) => known[part]).filter(Boolean).join(" "));
  const name = names.find(Boolean) || view.subject;
  byId("name").textContent = name;
  document.title = `${name}: ccstream`;
  byId("subject").textContent = name === view.subject ? "" : view.subject;
  byId("came-by").textContent = view.key === view.subject ? "" : view.key;
  byId("masked").hidden = !view.masked;
  const lines = view.cart ? view.cart.lines : [];
  byId("figure-basket").textContent = money(totalOf(lines), currencyOf(view.cart));
  byId("figure-orders").textContent = String(view.orders.length);
  const last = view.timeline[0];
  byId("figure-seen").textContent = last ? `${ago(last.at)}` : "never";
}

function basket(cart, isNew) {
  const lines = cart ? [...cart.lines].sort(byAdding) : [];
  fill("basket", lines, "Nothing in it.", (line) => {
    const id = `line ${line.sku} ${line.options_hash} ${line.fulfilment} ${line.store} ${line.quantity}`;
    const price = line.unit_price ? money(line.unit_price.amount_minor * line.quantity, line.unit_price.currency) : "";
    const added = line.added_at === line.changed_at ? "added" : "changed";
    return row(isNew(id), `${line.quantity} × ${line.name || line.sku}`, price, `${added} ${inChannel(line.channel)}, ${ago(line.changed_at)}`);
  });
  byId("basket-total").replaceChildren();
  if (lines.length) byId("basket-total").append(make("span", "", "Total"), make("strong", "", money(totalOf(lines), currencyOf(cart))));
}

function orders(found, isNew) {
  fill("orders", found.slice(0, 6), "None yet.", (order) => row(
    isNew(`order ${order.order_id}`), order.order_id, money(order.total.amount_minor, order.total.currency),
    `${count(order.lines.length, "article")}, placed ${inChannel(order.channel)}, ${day(order.placed_at)}`,
  ));
}

function interactions(found, isNew) {
  fill("interactions", found.slice(0, 5), "None yet.", (one) => {
    const said = [one.intent && `wanted: ${one.intent}`, one.outcome && `outcome: ${one.outcome}`].filter(Boolean);
    return row(
      isNew(`interaction ${one.evidence}`), capital(one.topic), ago(one.occurred_at),
      [`${capital(one.kind)} ${inChannel(one.channel)}`, ...said].join(", "),
    );
  });
}

function contact(decisions) {
  const channels = [...new Set(decisions.map((one) => one.channel))];
  byId("contact").replaceChildren(...channels.map((channel) => {
    const item = make("li");
    const answers = make("ul", "answers");
    for (const one of decisions.filter((decision) => decision.channel === channel)) {
      const answer = make("li");
      const why = make("span", "answer-why");
      why.append(make("b", "", capital(one.purpose)), `: ${one.detail}`);
      if (one.rule) why.title = one.rule;
      answer.append(make("span", one.allowed ? "chip" : "chip no", one.allowed ? "Yes" : "No"), why);
      answers.append(answer);
    }
    item.append(make("span", "channel-name", CHANNELS[channel] || channel), answers);
    return item;
  }));
}

function traits(found) {
  const list = byId("traits");
  list.replaceChildren(...found.map((trait) => {
    const said = lastOf(trait);
    const pair = make("div");
    const value = make("dd", "", trait.values.map((one) => one.readable ? one.value : "cannot be read here").join(", "));
    value.append(make("span", "", `${said.verified ? "verified, " : ""}${inChannel(said.channel)}, ${day(said.occurred_at)}`));
    pair.append(make("dt", "", capital(trait.name.replaceAll("_", " "))), value);
    return pair;
  }));
  if (!found.length) {
    const none = make("div");
    none.append(make("dt", "", "Nothing"), make("dd", "", "has been said yet"));
    list.append(none);
  }
}

function identifiers(found, isNew) {
  fill("identifiers", found, "", (one) => row(
    isNew(`identifier ${one.key}`), one.key, one.class,
    one.since ? `since ${day(one.since)}, by ${one.evidence}` : "whom all others lead to",
  ));
}

function consents(found, isNew) {
  fill("consents", found, "None given, none refused.", (one) => {
    const item = row(
      isNew(`consent ${one.evidence}`), `${CHANNELS[one.channel] || one.channel}, ${one.purpose}`, "",
      `${short(one.contact_point)}, ${day(one.stated_at)}, by ${one.evidence}`,
    );
    item.querySelector(".row-value").append(make("span", one.status === "granted" ? "chip" : "chip no", STATUS[one.status] || one.status));
    return item;
  });
}

function lanes(timeline) {
  const chart = byId("lanes");
  chart.replaceChildren();
  if (!timeline.length) return;
  const until = Math.max(Date.now(), ...timeline.map((one) => one.at));
  const earliest = Math.min(...timeline.map((one) => one.started_at || one.at));
  const from = Math.min(earliest, until - 3_600_000);
  const at = (when) => ((when - from) / (until - from)) * 98;
  for (const channel of [...new Set(timeline.map((one) => one.channel))].slice(0, 8)) {
    const lane = make("div", "lane");
    const track = make("div", "track");
    for (const one of timeline.filter((entry) => entry.channel === channel)) {
      const mark = make("span", `mark ${one.kind} in-${channel}`);
      mark.style.left = `${at(one.started_at || one.at)}%`;
      if (one.kind === "visit") mark.style.width = `${at(one.at) - at(one.started_at)}%`;
      track.append(mark);
    }
    lane.append(make("span", "lane-name", CHANNELS[channel] || channel), track);
    chart.append(lane);
  }
  const scale = make("div", "scale");
  const first = until - from > DAY_MS ? day(from) : clock(from);
  scale.append(make("span", "", first), make("span", "", "now"));
  chart.append(scale);
}

function story(timeline, isNew) {
  fill("story", storyOf(timeline).slice(0, STORY_MAX), "Not seen anywhere yet.", (one) => {
    const item = make("li");
    if (isNew(`${one.kind} ${one.channel} ${one.at}`)) item.classList.add("fresh");
    const [what, more] = told(one);
    item.append(
      make("span", "story-when", ago(one.at)), make("span", `dot in-${one.channel}`),
      make("span", "story-what", what), make("span", "story-more", more),
    );
    return item;
  });
}

// A visit of which something more is told, and the touch that an order is, would say it twice.
function storyOf(timeline) {
  const orders = new Set(timeline.filter((one) => one.kind === "order").map((one) => one.order_id));
  const said = timeline.filter((one) => one.kind === "order" || (one.kind === "touch" && !(one.event === "OrderPlaced" && orders.has(one.detail))));
  const within = (visit, one) => one.channel === visit.channel && one.at >= visit.started_at && one.at <= visit.at;
  return timeline.filter((one) => said.includes(one) || (one.kind === "visit" && !said.some((other) => within(one, other))));
}

function told(one) {
  const where = CHANNELS[one.channel] || one.channel;
  if (one.kind === "order") return [`Ordered ${one.order_id}`, `${where}, ${money(one.total.amount_minor, one.total.currency)}`];
  if (one.kind === "touch") return [`${DID[one.event] || one.event}${one.detail ? `: ${one.detail}` : ""}`, `${where}, ${one.source}`];
  const campaign = one.campaign_id ? `, by ${one.campaign_id}` : "";
  return [one.at - one.started_at < 60_000 ? "Visit" : `Visit of ${lasted(one.at - one.started_at)}`, `${where}, ${count(one.touches, "touch", "touches")}${campaign}`];
}

function fill(id, items, none, draw) {
  byId(id).replaceChildren(...(items.length ? items.map(draw) : [make("li", "none", none)]));
}

function row(fresh, what, value, from) {
  const item = make("li", fresh ? "fresh" : "");
  item.append(make("span", "row-what", what), make("span", "row-value", value), make("span", "row-from", from));
  return item;
}

function make(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}

function money(minor, currency) {
  return new Intl.NumberFormat("en", { style: "currency", currency: currency || "EUR" }).format(minor / 100);
}

function ago(when) {
  const minutes = Math.max(0, Date.now() - when) / 60_000;
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return day(when);
}

function lasted(ms) {
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

const short = (text) => (text.length > 16 ? `${text.slice(0, 8)}…` : text);
const lastOf = (trait) => trait.values[trait.values.length - 1] || { value: "" };
const totalOf = (lines) => lines.reduce((sum, line) => sum + (line.unit_price ? line.unit_price.amount_minor * line.quantity : 0), 0);
const currencyOf = (cart) => (cart && cart.currency) || "EUR";
const inChannel = (channel) => IN[channel] || `in ${channel}`;
const day = (when) => new Date(when).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
const clock = (when) => new Date(when).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
