"""A plain consumer beside the gateway: how old the same records are in the hands of who reads them.

What it hears late, broker, writer and machine have made late, and no gateway can mend. Says
``ready`` when it reads from the ends, takes one line as the end, then decodes what it kept and
prints the p50 and p99 of the ages. A record that is to be timed has the nanosecond of its making
as its cause's ``event_id``, or in front of a ``-`` there. Arguments: bootstrap, topic, the
namespace of the customers that count, isolation level.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time

from confluent_kafka import Consumer

from benchmarks.records import partitions_from_end
from ccstream.wire.codec import Codec

POLL_S = 0.2


def listen(bootstrap: str, topic: str, isolation: str) -> list[tuple[int, bytes]]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-bystander",
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "auto.offset.reset": "error",
        }
    )
    consumer.assign(partitions_from_end(consumer, topic))
    consumer.poll(POLL_S)
    gc.disable()
    told = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        told.set()

    threading.Thread(target=wait, daemon=True).start()
    print("ready", flush=True)
    heard: list[tuple[int, bytes]] = []
    while not told.is_set():
        message = consumer.poll(POLL_S)
        if message is not None and message.error() is None:
            heard.append((time.time_ns(), message.value() or b""))
    consumer.close()
    gc.enable()
    return heard


def main(bootstrap: str, topic: str, namespace: str, isolation: str) -> None:
    decode = Codec().decode
    ages_ms = []
    for at_ns, value in listen(bootstrap, topic, isolation):
        record = decode(value)[1] if value else {"subject": ""}
        if record["subject"].startswith(f"{namespace}:"):
            made_ns = int(record["cause"]["event_id"].partition("-")[0])
            ages_ms.append((at_ns - made_ns) / 1e6)
    ages_ms.sort()
    if not ages_ms:
        raise SystemExit("nothing was heard")
    found = {f"p{share}_ms": ages_ms[len(ages_ms) * share // 100] for share in (50, 99)}
    print(json.dumps({"heard": len(ages_ms), **found}))


if __name__ == "__main__":
    main(*sys.argv[1:5])
