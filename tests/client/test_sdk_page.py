"""The examples of docs/sdk.md, run as they stand there, with a worker."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccstream.client import CartItemAdded, CartSynced, ChannelPublisher, Gap, SyncReader, SyncView
from ccstream.client.outbox import Outbox
from ccstream.devkit.embedded import EMBEDDED_PARTITIONS, EmbeddedKafka
from ccstream.devkit.worker_process import WorkerProcess

IN_THE_PAGE = "localhost:9092"
LINES_MAX = {"Publish": 10, "Follow every change": 14, "A view": 10}
"""What a reader has to take in, imports aside."""


def examples(root: Path) -> dict[str, str]:
    page = (root / "docs" / "sdk.md").read_text()
    found: dict[str, str] = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title = section.split("\n", 1)[0]
        for code in re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL):
            assert title not in found, f"two examples under {title!r}"
            found[title] = code
    return found


def test_the_readme_quotes_the_page(root: Path) -> None:
    readme = (root / "README.md").read_text()
    quoted = re.findall(r"^```python\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert quoted
    assert set(quoted) <= set(examples(root).values())


pytestmark = pytest.mark.timeout(120)  # a worker is started, and each example is a process


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with EmbeddedKafka() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def worker(bootstrap: str) -> Iterator[None]:
    settings = {"KAFKA__BOOTSTRAP": bootstrap, "KAFKA__PARTITIONS": str(EMBEDDED_PARTITIONS)}
    with WorkerProcess(settings):
        yield


Running = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start(root: Path, bootstrap: str, worker: None, tmp_path: Path) -> Iterator[Running]:
    """Starts an example of the page in a folder of its own, beside the schemas."""
    (tmp_path / "schemas").symlink_to(root / "schemas")
    started: list[subprocess.Popen[str]] = []

    def run(title: str) -> subprocess.Popen[str]:
        code = examples(root)[title]
        assert code.count(IN_THE_PAGE) >= 1
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code.replace(IN_THE_PAGE, bootstrap)],
                cwd=tmp_path,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=10)


@contextmanager
def following(bootstrap: str, table: str) -> Iterator[Callable[[], object]]:
    with SyncReader([table], bootstrap=bootstrap) as reader:

        def next_record() -> object:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                for change in reader.read():
                    assert not isinstance(change, Gap)
                    return change.record
            raise TimeoutError("nothing was synced")

        yield next_record


def ended(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 0, output
    return output


async def put(bootstrap: str, subject: str, sku: str) -> None:
    """Put an article into a cart, and see it there."""
    async with ChannelPublisher(bootstrap=bootstrap, channel="web", source="test") as web:
        await web.publish(web.event(CartItemAdded, subject, sku=sku, quantity=1))
    async with SyncView(["carts"], bootstrap=bootstrap) as view:
        await view.until(subject, lambda v: sku in skus(v, subject), timeout_s=20)


def skus(view: SyncView, subject: str) -> set[str]:
    cart = view.cart(subject)
    return set() if cart is None else {line.sku for line in cart.lines}


def test_the_page_has_the_examples_that_are_run_here(root: Path) -> None:
    assert set(examples(root)) == {
        "Publish",
        "Follow every change",
        "A view",
        "What the author had seen",
        "When Kafka is out of reach",
        "The bytes",
    }


@pytest.mark.parametrize("title", sorted(LINES_MAX))
def test_ten_lines_are_enough(root: Path, title: str) -> None:
    lines = [line for line in examples(root)[title].splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith(("import ", "from "))]
    assert len(code) <= LINES_MAX[title]


def test_publish(start: Running, bootstrap: str) -> None:
    with following(bootstrap, "carts") as next_record:
        assert "channel.web.events.v1" in ended(start("Publish"))
        cart = next_record()
    assert isinstance(cart, CartSynced)
    assert (cart.subject, cart.lines[0].sku, cart.cause.source) == ("customer:42", "mug", "shop-1")


async def test_follow_every_change(start: Running, bootstrap: str) -> None:
    process = start("Follow every change")
    assert process.stdout is not None
    line = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
    while not line.done():  # it follows what happens from its start on, whenever that is
        await put(bootstrap, "customer:follow", "bowl")
        await asyncio.wait([line], timeout=1)
    said = r"customer:follow now has {'bowl': \d+}, by CartItemAdded in web\n"
    assert re.fullmatch(said, await line)


async def test_a_view(start: Running, bootstrap: str) -> None:
    await put(bootstrap, "customer:42", "bowl")
    assert "sku='bowl'" in ended(start("A view"))


async def test_what_the_author_had_seen(start: Running, bootstrap: str) -> None:
    await put(bootstrap, "customer:42", "mug")
    output = ended(start("What the author had seen"))
    assert "CartItemRemoved" in output
    async with SyncView(["carts"], bootstrap=bootstrap) as view:
        await view.until("customer:42", lambda v: "mug" not in skus(v, "customer:42"), timeout_s=20)


def test_when_kafka_is_out_of_reach(start: Running, bootstrap: str, tmp_path: Path) -> None:
    with following(bootstrap, "carts") as next_record:
        ended(start("When Kafka is out of reach"))
        cart = next_record()
    assert isinstance(cart, CartSynced)
    assert (cart.subject, cart.cause.channel) == ("loyalty:7001", "store")
    with Outbox(tmp_path / "till-3.db") as outbox:
        assert outbox.rows == 0


def test_the_bytes_need_nothing_of_ccstream(root: Path, start: Running, bootstrap: str) -> None:
    code = examples(root)["The bytes"]
    assert "ccstream" not in code
    with following(bootstrap, "touches") as next_record:
        ended(start("The bytes"))
        touches = next_record()
    assert touches.last.kind == "ProductViewed"  # type: ignore[attr-defined]
    assert touches.last.source == "shop-2"  # type: ignore[attr-defined]
