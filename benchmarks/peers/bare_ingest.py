"""The bare endpoint: Starlette on the same server that produces what it is sent, and no more.

It reads the JSON, hands each event to the same producer with the same settings, and answers when
all are acknowledged: no schema, no rules, no Avro, no caller, no counts. Arguments: bootstrap,
topic, port.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ccstream.client.ack_producer import AckProducer
from ccstream.gateway.intake import LINGER_MS
from ccstream.ops.kafka_config import producer_config
from ccstream.ops.settings import Settings


def main(bootstrap: str, topic: str, port: int) -> None:
    settings = Settings.load(kafka__bootstrap=bootstrap)
    producer = AckProducer(
        producer_config(settings, role="bare", linger_ms=LINGER_MS), in_flight_max=100_000
    )

    async def post(request: Request) -> Response:
        stated = orjson.loads(await request.body())
        events = stated if isinstance(stated, list) else [stated]
        done = asyncio.get_running_loop().create_future()
        left = len(events)

        def acknowledged(error: Any, _message: Any) -> None:
            nonlocal left
            assert error is None, error
            left -= 1
            if not left:
                done.set_result(None)

        for event in events:
            producer.send(
                topic, event["subject"].encode(), orjson.dumps(event), (), partial(acknowledged)
            )
        await done
        body = orjson.dumps([event["id"] for event in events])
        return Response(body, status_code=202, media_type="application/json")

    async def ready(_request: Request) -> Response:
        return Response(b"")

    async def open_producer() -> None:
        producer.open()
        await producer.reach(topic, 10)

    app = Starlette(routes=[Route("/v1/events", post, methods=["POST"]), Route("/readyz", ready)])
    config = uvicorn.Config(
        app, port=port, http="httptools", loop="asyncio", ws="none", log_level="warning"
    )

    async def serve() -> None:
        await open_producer()
        await uvicorn.Server(config).serve()

    asyncio.run(serve())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
