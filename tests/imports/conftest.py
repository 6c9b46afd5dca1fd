"""A reader of customer files, and a short way to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from ccstream.client.contact_points import ContactPoints
from ccstream.imports.facts import Facts, Problem, Reader
from ccstream.imports.mapping import read_map
from ccstream.imports.plan import Plan, Report, read_into
from ccstream.imports.staging import Staging
from ccstream.ops.identity_rules import load_identifier_rules
from ccstream.ops.settings import Settings

NOW = 1_790_000_000_000
RULES = load_identifier_rules(None)


@pytest.fixture(scope="session")
def points() -> ContactPoints:
    settings = Settings.load()
    identity = settings.identity.model_copy(update={"contact_key": SecretStr("k" * 32)})
    return ContactPoints(settings.model_copy(update={"identity": identity}))


class Staged(NamedTuple):
    """A file that was read: what was counted, what was wrong, and what is to be published."""

    report: Report
    problems: list[Problem]
    plan: Plan
    staging: Staging

    @property
    def facts(self) -> list[Facts]:
        return list(self.staging.in_order())

    @property
    def reasons(self) -> Counter[str]:
        return Counter(one.reason for one in self.problems)


Stage = Callable[..., Staged]


@pytest.fixture
def stage(tmp_path: Path, points: ContactPoints) -> Stage:
    """Reads a file, given as text or path, by a map in TOML; ``learn`` is as `learn_accounts`."""
    count = 0

    def read(
        content: str | bytes | Path, mapping: str, learn: Callable[[Staging], None] | None = None
    ) -> Staged:
        nonlocal count
        count += 1
        folder = tmp_path / f"stage-{count}"
        folder.mkdir()
        path = content if isinstance(content, Path) else folder / "customers.csv"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "map.toml").write_text(mapping)
        made, _ = read_map(folder / "map.toml", RULES)
        staging = Staging(folder)
        problems: list[Problem] = []
        report = read_into(
            staging,
            path,
            made,
            Reader(made, points, RULES, NOW),
            problem=problems.append,
            progress=lambda _: None,
        )
        if learn is not None:
            learn(staging)
        plan = Plan(staging, made, RULES)
        plan.find_accounts()
        plan.count(report)
        return Staged(report, problems, plan, staging)

    return read
