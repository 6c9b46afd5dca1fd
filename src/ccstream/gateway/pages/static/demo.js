// The live demo: a web shop, a phone app, a till and marketing, on one customer.

import { BEFORE, CHANNELS, Device, articles, devices, eventOf, euros, linesOf, piecesOf, post, sent, showFeed } from "/demo/device.js";

const root = document.documentElement;
const CUSTOMER = root.dataset.customer;
const CARD = root.dataset.card;
const CONTACT_POINT = root.dataset.contactPoint;
const NEWS = { contact_point: CONTACT_POINT, contact_channel: "email", purpose: "newsletter" };
const proofNow = () => ({ form_version: "newsletter-1", source_channel: "app", captured_at: Date.now() });
const done = (step) => { document.getElementById(`step-${step}`).dataset.done = "yes"; };

const consentOf = (profile) =>
  (profile.consent ? profile.consent.consents : []).find((one) => one.contact_channel === "email" && one.purpose === "newsletter");

class Shop extends Device {
  where = "in the shop";

  constructor() {
    super("web", "Shop", "web", "fernway-shop");
    for (const tile of this.element.querySelectorAll("[data-sku]")) {
      tile.querySelector("button").addEventListener("click", () => this.add(tile.dataset.sku));
    }
    this.element.querySelector("#shop-buy").addEventListener("click", () => this.buy());
    this.element.querySelector("#shop-sign").addEventListener("click", () => this.sign());
    this.follow(this.visitor);
  }

  // What a cookie would be: a reload is the same visitor, a sign-out begins another.
  get visitor() {
    const kept = sessionStorage.getItem(CUSTOMER) || `visitor:${crypto.randomUUID()}`;
    sessionStorage.setItem(CUSTOMER, kept);
    return kept;
  }

  sign() {
    if (this.stream.profile.subject === CUSTOMER) {
      sessionStorage.removeItem(CUSTOMER);
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
    if (known) done("sign");
    else if (piecesOf(profile)) done("fill");
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
      ...NEWS, status, proof: proofNow(),
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
    this.card = this.element.querySelector("#till-card");
    this.card.addEventListener("click", () => this.scanCard());
    this.followNobody();
  }

  followNobody() {
    this.scanned = false;
    this.follow(`visitor:${crypto.randomUUID()}`);
  }

  // The card stands for whoever it is linked to; the till need not know whom.
  scanCard() {
    if (this.scanned) this.followNobody();
    else {
      this.scanned = true;
      this.follow(CARD);
    }
    this.render(this.stream.profile);
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
    const known = this.scanned && profile.subject === CUSTOMER;
    this.element.querySelector("#till-who").textContent = known ? "Camille Laurent" : this.scanned ? "Looking up" : "Nobody yet";
    this.card.textContent = this.scanned ? "Next person" : "Scan the card";
    this.element.querySelector("#till-scan").disabled = !known;
    this.element.querySelector(".basket-empty").textContent = known ? "Nothing in it yet." : "Scan a loyalty card to see its basket.";
    if (known && piecesOf(profile)) done("card");
    this.basket(this.element.querySelector(".basket"), profile, { steppers: false });
    const found = consentOf(profile);
    const yes = found && found.status === "granted";
    const answer = this.element.querySelector("#till-consent");
    answer.textContent = yes ? "Yes, e-mail agreed" : found ? "No, withdrawn" : known ? "No, never asked" : "–";
    answer.dataset.answer = yes ? "yes" : known ? "no" : "";
    const touch = profile.touch && profile.touch.last;
    this.element.querySelector("#till-touch").textContent = touch ? touchWords(touch) : "Not seen yet";
  }
}

class Marketing extends Device {
  where = "by marketing";

  constructor() {
    super("marketing", "Marketing", "email", "campaigns");
    this.desk = this.element.querySelector("#marketing-desk");
    this.follow(CUSTOMER);
  }

  render(profile) {
    const basket = this.element.querySelector("#marketing-basket");
    const names = linesOf(profile).map((line) => (line.name || line.sku).toLowerCase());
    basket.hidden = !names.length;
    basket.textContent = `We have kept your basket: ${names.join(", ")}.`;
    const said = [profile.consent, profile.profile].map((one) => (one ? one.version : 0)).join();
    if (said === this.asked) return;
    this.asked = said;
    this.decide(said);
  }

  // Whether a mail may go out is not for this page to decide: it asks, as a campaign would.
  async decide(said) {
    const answer = await fetch(`/v1/agents/profiles/${encodeURIComponent(CUSTOMER)}`).catch(() => null);
    if (this.asked !== said) return; // asked again since
    if (!answer || !answer.ok) {
      setTimeout(() => this.asked === said && this.decide(said), 1000);
      return;
    }
    const all = (await answer.json()).may_contact.filter((one) => one.channel === "email");
    const found = all.find((one) => one.purpose === "newsletter") || all.find((one) => one.purpose === "marketing");
    this.desk.dataset.answer = found.allowed ? "yes" : "no";
    this.element.querySelector("#marketing-answer").textContent = found.allowed ? "May be sent" : "Not to be sent";
    this.element.querySelector("#marketing-why").textContent = found.detail;
    this.element.querySelector("#marketing-foot").textContent = found.allowed ? "Goes out on Friday at 10." : "Held back from every list.";
    const word = consentOf(this.stream.profile);
    if (!found.allowed && word && word.status === "withdrawn") done("news");
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
for (const [name, Kind] of [["web", Shop], ["app", Phone], ["till", Till], ["marketing", Marketing]]) {
  if (!wanted || wanted === name) devices.push(new Kind());
}
showFeed();

// What was so before: she made her account in the app, linked her card, and agreed to the newsletter.
// A reload sends the same events again, which then change nothing.
async function before() {
  const origin = { channel: "app", source: BEFORE };
  const traits = [{ name: "given_name", value: "Camille" }, { name: "country", value: "FR" }];
  const told = eventOf(origin, "ProfileUpdated", CUSTOMER, { traits });
  const linked = eventOf(origin, "IdentifiersLinked", CARD, { identifiers: [CUSTOMER], reason: "card_added" });
  const agreed = eventOf(origin, "ConsentChanged", CUSTOMER, { ...NEWS, status: "granted", proof: proofNow() });
  for (const event of [told, linked, agreed]) {
    event.id = `${CUSTOMER}/${event.type}`;
    while (!(await post(event))) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
before();

// A tab that nobody looks at holds no connections: browsers open six to a host, over all tabs.
document.addEventListener("visibilitychange", () => {
  for (const device of devices) {
    if (!device.online) continue;
    if (document.hidden) device.stream.close();
    else device.stream.open();
  }
});
