"""Quix Streams: one stateful function, a plain ``{sku: quantity}`` cart in JSON.

Every setting is Quix Streams' default but for where its state lies. The events are those that
ccstream gets, decoded by the same codec. Runs in the environment of `benchmarks.peers.build`.
Arguments: bootstrap, application id, input topic, output topic, folder for state.
"""

from __future__ import annotations

import sys

from quixstreams import Application, State

from ccstream.domain.events import CartItemAdded, CartItemQuantitySet, CartItemRemoved
from ccstream.wire.codec import Codec

decode = Codec().decode_event


def keep_cart(value: bytes, state: State) -> dict[str, int]:
    event = decode(value)
    cart: dict[str, int] = state.get("cart") or {}
    match event:
        case CartItemAdded():
            cart[event.sku] = cart.get(event.sku, 0) + event.quantity
        case CartItemQuantitySet():
            cart[event.sku] = event.quantity
        case CartItemRemoved():
            cart.pop(event.sku, None)
    state.set("cart", cart)
    return cart


def main(bootstrap: str, app_id: str, source: str, target: str, folder: str) -> None:
    app = Application(
        broker_address=bootstrap,
        consumer_group=app_id,
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )
    events = app.topic(source, key_deserializer="str", value_deserializer="bytes")
    snapshots = app.topic(target, key_serializer="str", value_serializer="json")
    app.dataframe(events).apply(keep_cart, stateful=True).to_topic(snapshots)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:6])
