// Follows one customer over server-sent events: a copy of the profile that keeps itself right.
//
//   import { follow } from "/client.js";
//   const stream = follow("customer:42", { aggregates: ["cart"], onChange: show });
//   stream.profile.cart.lines; stream.close(); stream.open();
//
// With connected: false nothing is asked until open(), as by a device without a network.
// onChange(profile, change) is called after each snapshot (change is null) and each change;
// onStatus("live" | "waiting" | "closed", hello) when the connection comes and goes.

const RETRY_MS = 1500; // after an answer that EventSource itself gives up on

// The lines of a cart come in no order: what two channels add reaches each reader as it may.
export const byAdding = (a, b) => a.added_at - b.added_at || (a.sku < b.sku ? -1 : 1);

export function follow(key, options = {}) {
  const { base = "", aggregates = [], channel = "", connected = true } = options;
  const { onChange = () => {}, onStatus = () => {} } = options;
  const profile = { key, subject: key, cart: null, touch: null, profile: null, consent: null, interaction: null, order: [] };
  let source = null, cursor = "", timer = 0;

  function url() {
    const query = new URLSearchParams();
    if (aggregates.length) query.set("aggregates", aggregates.join(","));
    if (channel) query.set("channel", channel); // who measures how late it sees others' events
    if (cursor) query.set("last_event_id", cursor);
    const text = query.toString();
    return `${base}/v1/profiles/${encodeURIComponent(key)}/stream${text ? `?${text}` : ""}`;
  }

  function on(kind, take) {
    source.addEventListener(kind, (event) => {
      take(JSON.parse(event.data));
      if (event.lastEventId) cursor = event.lastEventId;
    });
  }

  function open() {
    close();
    source = new EventSource(url());
    on("hello", (hello) => {
      profile.subject = hello.profile;
      onStatus("live", hello);
    });
    on("snapshot", snapshot);
    on("moved", (moved) => { profile.subject = moved.profile; });
    on("change", change);
    source.onerror = () => {
      onStatus("waiting");
      if (source.readyState !== EventSource.CLOSED) return; // it comes back by itself
      const refused = (answer) => { if (answer.status === 400) cursor = ""; };
      if (cursor) fetch(url(), { method: "HEAD" }).then(refused, () => {});
      timer = setTimeout(open, RETRY_MS * (1 + Math.random()));
    };
  }

  function close() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  }

  function snapshot(data) {
    const same = profile.from === profile.subject; // versions compare within one profile
    for (const name of ["cart", "touch", "profile", "consent", "interaction"]) {
      if (name in data && !(same && older(data[name], profile[name]))) profile[name] = data[name];
    }
    if ("order" in data) profile.order = data.order;
    profile.from = profile.subject;
    onChange(profile, null);
  }

  function change({ aggregate, row, whole, record, traceparent }) {
    if (aggregate === "order") {
      const others = profile.order.filter((order) => `${order.subject}#${order.order_id}` !== row);
      profile.order = record ? [record, ...others] : others;
    } else if (aggregate === "cart" && record && !whole) {
      const held = profile.cart;
      if (older(record, held)) return;
      if ((held ? held.version : 0) !== record.base_version) {
        cursor = ""; // this delta builds on something else: take it all anew
        open();
        return;
      }
      const gone = new Set([...record.upserted, ...record.removed].map(name));
      const kept = (held ? held.lines : []).filter((line) => !gone.has(name(line)));
      profile.cart = { ...record, lines: [...kept, ...record.upserted] };
    } else if (!older(record, profile[aggregate])) {
      profile[aggregate] = record;
    }
    onChange(profile, { aggregate, row, record, traceparent });
  }

  if (connected) open();
  return { profile, open, close() { close(); onStatus("closed"); } };
}

const name = (line) => [line.sku, line.options_hash, line.fulfilment, line.store].join("\n");
const older = (record, held) => Boolean(record && held && record.version < held.version);
