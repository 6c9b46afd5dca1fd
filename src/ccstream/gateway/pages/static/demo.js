// The live demo: a web shop, a phone app and a till, on one customer.

import { CHANNELS, Device, articles, devices, euros, piecesOf, sent, showFeed } from "/demo/device.js";

const root = document.documentElement;
const CUSTOMER = root.dataset.customer;
const CONTACT_POINT = root.dataset.contactPoint;

const consentOf = (profile) =>
  (profile.consent ? profile.consent.consents : []).find((one) => one.contact_channel === "email" && one.purpose === "newsletter");

class Shop extends Device {
  where = "in the shop";

  constructor() {
    super("web", "Shop", "web", "fernway-shop");
    this.signedIn = true;
    for (const tile of this.element.querySelectorAll("[data-sku]")) {
      tile.querySelector("button").addEventListener("click", () => this.add(tile.dataset.sku));
    }
    this.element.querySelector("#shop-buy").addEventListener("click", () => this.buy());
    this.element.querySelector("#shop-sign").addEventListener("click", () => this.sign());
    this.follow(CUSTOMER);
  }

  sign() {
    if (this.stream.profile.subject === CUSTOMER) {
      this.visitor = `visitor:${crypto.randomUUID()}`;
      this.follow(this.visitor);
      this.render(this.stream.profile);
    } else {
      this.publish("IdentifiersLinked", "Signed in in the shop", { identifiers: [CUSTOMER], reason: "log_in" }, this.visitor);
    }
  }

  render(profile) {
    const known = profile.subject === CUSTOMER;
    this.element.querySelector("#shop-who").textContent = known ? "Camille Laurent" : "Visitor";
    this.element.querySelector("#shop-sign").textContent = known ? "Sign out" : "Sign in";
    this.element.dataset.who = known ? "customer" : "visitor";
    this.basket(this.element.querySelector(".basket"), profile);
    this.element.querySelector("#shop-count").textContent = String(piecesOf(profile));
  }
}

class Phone extends Device {
  where = "in the app";

  constructor() {
    super("app", "App", "app", "phone-7");
    this.element.querySelector("#app-buy").addEventListener("click", () => this.buy());
    this.consent = this.element.querySelector("#app-consent");
    this.consent.addEventListener("click", () => this.toggleConsent());
    this.follow(CUSTOMER);
  }

  toggleConsent() {
    const found = consentOf(this.stream.profile);
    const status = found && found.status === "granted" ? "withdrawn" : "granted";
    this.publish("ConsentChanged", `Consent to e-mail ${status} in the app`, {
      contact_point: CONTACT_POINT,
      contact_channel: "email",
      purpose: "newsletter",
      status,
      proof: { form_version: "newsletter-1", source_channel: "app", captured_at: Date.now() },
    });
  }

  render(profile) {
    this.basket(this.element.querySelector(".basket"), profile);
    const found = consentOf(profile);
    this.consent.setAttribute("aria-checked", String(Boolean(found && found.status === "granted")));
    const order = profile.order[0];
    const last = this.element.querySelector("#app-order");
    last.hidden = !order;
    if (order) last.textContent = `Order ${order.order_id}, ${euros(order.total.amount_minor)}, ${CHANNELS[order.channel] || order.channel}. Thank you.`;
  }
}

class Till extends Device {
  where = "at the till";

  constructor() {
    super("till", "Till", "store", "till-3");
    this.element.querySelector("#till-scan").addEventListener("click", () => this.add("tin"));
    this.element.querySelector("#till-buy").addEventListener("click", () => this.buy());
    this.network = this.element.querySelector("#till-network");
    this.network.addEventListener("click", () => this.setOnline(!this.online));
    this.follow(CUSTOMER);
  }

  setOnline(online) {
    this.online = online;
    this.network.setAttribute("aria-checked", String(online));
    if (online) {
      for (const event of this.outbox) if (sent.has(event.id)) sent.get(event.id).waited = true;
      this.stream.open();
      this.flush();
    } else this.stream.close();
    this.showState();
  }

  showState() {
    super.showState();
    const waiting = this.element.querySelector("#till-waiting");
    waiting.hidden = this.online || !this.outbox.length;
    waiting.textContent = `${this.outbox.length} scanned offline; sent when the network is back.`;
  }

  render(profile) {
    this.basket(this.element.querySelector(".basket"), profile, { steppers: false });
    const found = consentOf(profile);
    const yes = found && found.status === "granted";
    const answer = this.element.querySelector("#till-consent");
    answer.textContent = yes ? "Yes, e-mail agreed" : found ? "No, withdrawn" : "No, never asked";
    answer.dataset.answer = yes ? "yes" : "no";
    const touch = profile.touch && profile.touch.last;
    this.element.querySelector("#till-touch").textContent = touch ? touchWords(touch) : "Not seen yet";
  }
}

const TOUCHES = {
  CartItemAdded: "put in", CartItemRemoved: "took out", CartItemQuantitySet: "changed",
  OrderPlaced: "ordered", ConsentChanged: "changed consent",
};
const PLACES = { web: "Shop", app: "App", store: "Till" };

function touchWords(touch) {
  const article = articles.get(touch.detail);
  const what = TOUCHES[touch.kind] || touch.kind;
  return `${PLACES[touch.channel] || touch.channel}: ${what}${article ? ` ${article.title.toLowerCase()}` : ""}`;
}

const wanted = root.dataset.device;
for (const [name, Kind] of [["web", Shop], ["app", Phone], ["till", Till]]) {
  if (!wanted || wanted === name) devices.push(new Kind());
}
showFeed();

// A tab that nobody looks at holds no connections: browsers open six to a host, over all tabs.
document.addEventListener("visibilitychange", () => {
  for (const device of devices) {
    if (!device.online) continue;
    if (document.hidden) device.stream.close();
    else device.stream.open();
  }
});
