"""Reads what comes out, live, and says how long each took since it was handed in.

While it listens it only notes the time and keeps the record; it ends when it has heard as many
as a line on its standard input says were published. Afterwards each is decoded and compared
with what must be in it. Prints percentiles in ms, over what was sent after the warm-up.
Arguments: bootstrap, topic, isolation level, ``echo`` or ``carts``, seconds of warm-up, longest
wait of an empty fetch in ms, and the pacer's namespace and events a second.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import Counter, defaultdict
from itertools import islice

from confluent_kafka import Consumer

from benchmarks.instruments.paced import additions, sent_at
from benchmarks.records import partitions_from_end
from ccstream.wire.codec import Codec

LATE_S_MAX = 60.0
"""After the last was published. What comes late counts as late; what comes later than this, as
lost."""
MORE_S = 0.2
"""To see that no more come than were published."""

Heard = list[tuple[int, bytes]]


def listen(bootstrap: str, topic: str, isolation: str, fetch_wait_ms: int) -> Heard:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-listener",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "fetch.wait.max.ms": fetch_wait_ms,
            "auto.offset.reset": "error",
        }
    )
    consumer.assign(partitions_from_end(consumer, topic))
    consumer.poll(0.5)
    # A collection in the middle would be this instrument's pause, not the pipeline's.
    gc.disable()
    published: list[int] = []
    told = threading.Thread(target=lambda: published.append(int(sys.stdin.readline())), daemon=True)
    told.start()
    print("ready", flush=True)
    heard: Heard = []
    end = float("inf")
    while time.monotonic() < end:
        message = consumer.poll(MORE_S)
        if message is not None and message.error() is None:
            heard.append((time.time_ns(), message.value() or b""))
        elif published and len(heard) >= published[0]:
            break
        elif published and end == float("inf"):
            end = time.monotonic() + LATE_S_MAX
    consumer.close()
    gc.enable()
    return heard


def main(kind: str, heard: Heard, warm_up_s: float, namespace: str, rate: int) -> None:
    ids = _checked_carts(heard, namespace, rate) if kind == "carts" else _echoed(heard)
    numbers = Counter(sent_at(event_id)[1] for event_id in ids)
    if numbers and (len(numbers) != max(numbers) + 1 or set(numbers.values()) != {1}):
        raise SystemExit(
            f"of {max(numbers) + 1} events {len(numbers)} came, in {len(heard)} records"
        )
    began_ns = min((sent_at(event_id)[0] for event_id in ids), default=0)
    took_ms = sorted(
        (at_ns - sent_at(event_id)[0]) / 1e6
        for (at_ns, _), event_id in zip(heard, ids, strict=True)
        if sent_at(event_id)[0] >= began_ns + warm_up_s * 1e9
    )
    if not took_ms:
        raise SystemExit("nothing was heard")
    found = {f"p{share}_ms": took_ms[len(took_ms) * share // 100] for share in (50, 90, 99)}
    print(json.dumps({"heard": len(heard), **found, "max_ms": took_ms[-1]}))


def _echoed(heard: Heard) -> list[str]:
    decode = Codec().decode_event
    return [decode(value).event_id for _, value in heard]


def _checked_carts(heard: Heard, namespace: str, rate: int) -> list[str]:
    """The causes of the snapshots, each compared with what was added so far."""
    decode = Codec().decode
    added = list(islice(additions(namespace, rate), len(heard) + 1))
    carts: dict[str, Counter[str]] = defaultdict(Counter)
    ids: list[str] = []
    for _, value in heard:
        name, record = decode(value)
        ids.append(record["cause"]["event_id"])
        number = sent_at(ids[-1])[1]
        if number >= len(added):
            raise SystemExit("some events came not at all")
        subject, sku = added[number]
        carts[subject][sku] += 1
        lines = {line["sku"]: line["quantity"] for line in record["lines"]}
        if name != "CartSynced" or record["subject"] != subject or lines != carts[subject]:
            raise SystemExit(f"the snapshot after addition {number} is wrong: {lines}")
    return ids


if __name__ == "__main__":
    main(
        sys.argv[4],
        listen(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[6])),
        float(sys.argv[5]),
        sys.argv[7],
        int(sys.argv[8]),
    )
