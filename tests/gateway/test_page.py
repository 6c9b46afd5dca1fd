"""The commands of docs/gateway.md, run: each answers as the page says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.gateway.process import GatewayProcess
from tests.support.source import ROOT

PAGE = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
STEPS = re.findall(r"```sh\n(curl .*?)```\n(?:.*?)```json\n(.*?)```", PAGE, re.DOTALL)
ANYTHING = "…"


def agrees(answer: Any, shown: Any) -> bool:
    """Whether an answer is as shown, where … may be anything but nothing."""
    if shown == ANYTHING:
        return bool(answer)
    if isinstance(shown, dict):
        return answer.keys() == shown.keys() and all(agrees(answer[n], shown[n]) for n in shown)
    if isinstance(shown, list):
        return len(answer) == len(shown) and all(map(agrees, answer, shown))
    return bool(answer == shown)


def test_every_command_of_the_page_has_its_answer_beside_it() -> None:
    assert len(STEPS) >= 6
    assert len(STEPS) == PAGE.count("```sh\ncurl")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no `curl` on the path")
@pytest.mark.parametrize(("command", "shown"), STEPS, ids=range(len(STEPS)))
def test_a_command_answers_as_the_page_says(
    process: GatewayProcess, command: str, shown: str
) -> None:
    command = command.replace("localhost:8080", f"127.0.0.1:{process.port}")
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True
    )
    assert agrees(json.loads(done.stdout), json.loads(shown)), done.stdout
