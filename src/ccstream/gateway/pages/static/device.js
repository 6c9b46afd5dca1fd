// A device of the live demo: a stream, an outbox, and what it shows. A click posts an event;
// what a device shows changes only by what its own stream brings.

import { byAdding, follow } from "/client.js";

const CURRENCY = "EUR";
const RETRY_MS = 1000;
const FEED_MAX = 8;
export const BEFORE = "sign-up"; // the source of what was so before; nobody clicked for it
const ELSEWHERE_MS_MAX = 2000; // beyond, it waited somewhere

export const articles = new Map();
for (const tile of document.querySelectorAll("[data-sku]")) {
  const { sku, title, price } = tile.dataset;
  articles.set(sku, { sku, title, price: Number(price) });
}

const money = new Intl.NumberFormat("en-IE", { style: "currency", currency: CURRENCY });
export const euros = (minor) => money.format(minor / 100);
const now = () => performance.timeOrigin + performance.now();

// ---- measuring: from the click, or from the sending of what waited offline, to the screen

export const sent = new Map(); // event id -> { at, label, device, seen: {device: ms} }
const measured = [];
export const devices = []; // those on this page

function noteSeen(device, cause) {
  const entry = sent.get(cause.event_id);
  if (!entry) {
    // Of another page on this machine: its event says when the click was.
    const ms = now() - cause.occurred_at;
    if (cause.source === BEFORE || cause.channel === device.channel || ms < 0 || ms > ELSEWHERE_MS_MAX) return null;
    measured.push(ms);
    showFeed();
    return ms;
  }
  if (entry.seen[device.name] !== undefined) return null;
  const ms = now() - entry.at;
  entry.seen[device.name] = ms;
  if (device.name !== entry.device) measured.push(ms);
  showFeed();
  return ms;
}

function quantile(fraction) {
  const sorted = [...measured].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] : null;
}

const milliseconds = (value) => (value === null ? "–" : value < 10 ? value.toFixed(1) : String(Math.round(value)));

export function showFeed() {
  document.getElementById("median").textContent = milliseconds(quantile(0.5));
  document.getElementById("slowest").textContent = milliseconds(quantile(0.99));
  document.getElementById("count").textContent = String(measured.length);
  const feed = document.getElementById("feed");
  feed.replaceChildren(
    ...[...sent.values()].slice(-FEED_MAX).reverse().map((entry) => {
      const item = make("li", "feed-item");
      item.append(make("span", `dot dot-${entry.device}`), make("span", "feed-what", entry.label));
      for (const device of devices) {
        const ms = entry.seen[device.name];
        if (device.name === entry.device || ms === undefined) continue;
        item.append(make("span", "feed-seen", `${device.title} ${milliseconds(ms)} ms`));
      }
      return item;
    }),
  );
}

// ---- small helpers

const CONTEXTS = {
  CartItemAdded: "cart", CartItemRemoved: "cart", CartItemQuantitySet: "cart",
  OrderPlaced: "order", ConsentChanged: "consent", IdentifiersLinked: "identity", ProfileUpdated: "profile",
};

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function art(sku) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 80 80");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "thumb");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#art-${articles.has(sku) ? sku : "parcel"}`);
  svg.append(use);
  return svg;
}

function button(className, text, label, onClick) {
  const element = make("button", className, text);
  element.type = "button";
  if (label) element.setAttribute("aria-label", label);
  element.addEventListener("click", onClick);
  return element;
}

export const linesOf = (profile) =>
  [...(profile.cart ? profile.cart.lines : [])].sort(byAdding);
const priceOf = (line) => (line.unit_price ? line.unit_price.amount_minor : 0) * line.quantity;
const totalOf = (profile) => linesOf(profile).reduce((sum, line) => sum + priceOf(line), 0);
export const piecesOf = (profile) => linesOf(profile).reduce((sum, line) => sum + line.quantity, 0);

export const eventOf = ({ channel, source }, type, subject, data) => ({
  specversion: "1.0",
  id: crypto.randomUUID(),
  type: `ccstream.${CONTEXTS[type]}.v1.${type}`,
  source: `/${channel}/${source}`,
  subject,
  time: new Date().toISOString(),
  datacontenttype: "application/json",
  data,
});

// ---- a device: a stream, an outbox, and what it shows

export class Device {
  constructor(name, title, channel, source) {
    Object.assign(this, { name, title, channel, source, outbox: [], sending: false, late: false, online: true });
    this.element = document.getElementById(`device-${name}`);
    this.state = this.element.querySelector(".device-state");
    this.stream = null;
    this.live = false;
  }

  follow(key) {
    if (this.stream) this.stream.close();
    this.stream = follow(key, {
      channel: this.channel,
      connected: this.online, // or else it opens when the network is back
      onChange: (profile, change) => this.show(profile, change),
      onStatus: (status, hello) => this.connection(status, hello),
    });
  }

  connection(status, hello) {
    this.live = status === "live";
    if (hello) this.element.dataset.hello = hello.resumed ? "resumed" : hello.gap ? "gap" : "new";
    this.showState();
  }

  // What is on its way for milliseconds is not shown as waiting: to draw that would delay it.
  showWaiting() {
    this.showState();
    showFeed();
  }

  showState() {
    const waiting = this.online && !this.late ? 0 : this.outbox.length;
    const what = !this.online ? "offline" : this.live ? "live" : "connecting";
    this.element.dataset.state = what;
    const words = { offline: "Offline", live: "Live", connecting: "Connecting" }[what];
    const text = waiting ? `${words}, ${waiting} waiting` : words;
    if (this.state.textContent !== text) this.state.textContent = text;
  }

  get subject() {
    return this.stream.profile.subject;
  }

  publish(type, label, data, subject = this.subject) {
    const event = eventOf(this, type, subject, data);
    sent.set(event.id, { at: now(), label, device: this.name, seen: {} });
    if (sent.size > 200) sent.delete(sent.keys().next().value);
    this.outbox.push(event);
    this.flush();
    if (!this.online || this.late) this.showWaiting();
  }

  async flush() {
    if (this.sending || !this.online) return;
    this.sending = true;
    while (this.outbox.length && this.online) {
      const event = this.outbox[0];
      const entry = sent.get(event.id);
      if (entry && entry.waited) entry.at = now();
      if (await post(event)) this.outbox.shift();
      else {
        if (entry) entry.waited = true;
        this.late = true;
        this.showWaiting();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.sending = this.late = false;
    this.showState();
  }

  add(sku, quantity = 1) {
    const { title, price } = articles.get(sku);
    this.publish("CartItemAdded", `${title} added ${this.where}`, {
      sku, quantity, name: title, unit_price: { amount_minor: price, currency: CURRENCY },
    });
  }

  setQuantity(line, quantity) {
    const name = line.name || line.sku;
    const seen = { observed: this.stream.profile.cart.observed };
    if (quantity > 0) {
      this.publish("CartItemQuantitySet", `${name} set to ${quantity} ${this.where}`, {
        sku: line.sku, quantity, name, unit_price: line.unit_price, ...seen,
      });
    } else {
      this.publish("CartItemRemoved", `${name} taken out ${this.where}`, { sku: line.sku, ...seen });
    }
  }

  buy() {
    const profile = this.stream.profile;
    const lines = linesOf(profile);
    if (!lines.length) return;
    this.publish("OrderPlaced", `Order placed ${this.where}`, {
      order_id: `F-${Date.now().toString(36).toUpperCase()}`,
      lines: lines.map((line) => ({
        sku: line.sku, quantity: line.quantity, amount: { amount_minor: priceOf(line), currency: CURRENCY },
      })),
      total: { amount_minor: totalOf(profile), currency: CURRENCY },
      observed: profile.cart.observed,
    });
  }

  show(profile, change) {
    this.render(profile);
    const cause = change && change.record && change.record.cause;
    const ms = cause ? noteSeen(this, cause) : null;
    const entry = cause && sent.get(cause.event_id);
    if (ms !== null && (!entry || entry.device !== this.name)) this.flash(ms);
    this.showState();
  }

  flash(ms) {
    const badge = this.element.querySelector(".device-latency");
    badge.textContent = `${milliseconds(ms)} ms`;
    badge.classList.add("fresh");
    for (const fading of badge.getAnimations()) fading.currentTime = 0;
  }

  basket(list, profile, { steppers = true } = {}) {
    if (this.shown === profile.cart) return;
    this.shown = profile.cart;
    const held = document.activeElement && list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    list.replaceChildren(
      ...linesOf(profile).map((line) => {
        const name = line.name || line.sku;
        const item = make("li", "line");
        item.dataset.line = line.sku;
        const words = make("span", "line-words");
        words.append(make("span", "line-name", name), make("span", `line-from from-${line.channel}`, CHANNELS[line.channel] || line.channel));
        item.append(art(line.sku), words);
        if (steppers) {
          const stepper = make("span", "stepper");
          stepper.append(
            button("step", "−", `One ${name} less`, () => this.setQuantity(line, line.quantity - 1)),
            make("span", "quantity", String(line.quantity)),
            button("step", "+", `One ${name} more`, () => this.setQuantity(line, line.quantity + 1)),
          );
          item.append(stepper);
        } else item.append(make("span", "quantity", `× ${line.quantity}`));
        item.append(make("span", "line-price", euros(priceOf(line))));
        return item;
      }),
    );
    if (held) for (const one of list.querySelectorAll("button")) if (one.getAttribute("aria-label") === held) one.focus();
    this.element.querySelector(".basket-empty").hidden = piecesOf(profile) > 0;
    this.element.querySelector(".basket-total").textContent = euros(totalOf(profile));
    for (const one of this.element.querySelectorAll(".needs-basket")) one.disabled = !piecesOf(profile);
  }
}

export const CHANNELS = { web: "from the shop", app: "from the app", store: "from the till" };

export async function post(event) {
  try {
    const answer = await fetch("/v1/events", {
      method: "POST",
      headers: { "Content-Type": "application/cloudevents+json" },
      body: JSON.stringify(event),
    });
    if (!answer.ok && answer.status < 500 && answer.status !== 429) {
      const problem = await answer.json();
      document.getElementById("notice").textContent = `Not taken: ${problem.detail}`;
      return true; // sending it again would not help
    }
    return answer.ok;
  } catch {
    return false; // the gateway is away; the event waits
  }
}
