"""The first half of an import: read all, count, and publish nothing.

What is counted here is what a dry run tells, and what an import does next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from ccstream.domain.events import Event
from ccstream.domain.identifiers import IdentifierRules
from ccstream.domain.limits import WINDOW_IDS_MIN
from ccstream.imports.facts import REJECTIONS, Facts, Problem, Reader
from ccstream.imports.mapping import ImportMap
from ccstream.imports.row_events import events_of
from ccstream.imports.staging import Conflicts, Staging
from ccstream.imports.table_file import read_rows

__all__ = ["Plan", "Report", "read_into"]

TOLD_ROWS: Final = 1_000
"""Between two words of progress: some tens of milliseconds."""

PASSES_MAX: Final = 10
"""Each finds the rows that are as many others away from one that names its account. Further ones
are found when the file is imported again."""


class Report(Struct, kw_only=True):
    """What is in a file.

    Args:
        rows: all rows below the head.
        repeated: those that repeat an earlier one, by key and contents; they make no events.
        rejected, set_aside: rows and cells by reason; see `ccstream.imports.facts`.
        named: rows that name their account.
        found: rows that do not, and whose account an identifier tells.
        unmatched: rows whose account nobody knows; they stay with their own identifier.
        links_known: links that are known already, from an earlier import or a log-in.
        conflicts: what contradicts itself.
        crowded: subjects with more events than the worker remembers of those that came late: of
            these the earliest of another file, or of another time, are rejected (``too_late``).
        events: events by their type.
    """

    rows: int = 0
    repeated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    named: int = 0
    found: int = 0
    unmatched: int = 0
    links_known: int = 0
    conflicts: Conflicts = Conflicts(0, 0, 0)
    crowded: int = 0
    events: Counter[str] = field(default_factory=Counter)


class Plan:
    """What is to be published of the rows that are staged, and in which order."""

    def __init__(self, staging: Staging, mapping: ImportMap, rules: IdentifierRules) -> None:
        self._staging = staging
        self._map = mapping
        self._rules = rules

    def find_accounts(self) -> None:
        """Find whose the rows are that name no account, once all is known that there is to know.

        A row that has been found claims its other identifiers for the account, by which more are.
        """
        for _ in range(PASSES_MAX):
            if not self._staging.find(self._holder, self._is_first):
                return

    def _is_first(self, identifier: str) -> bool:
        """As the worker has it: a link holds against later ones, a log-in until the next."""
        return self._rules.class_of(identifier) != "device"

    def _holder(self, facts: Facts) -> str | None:
        for identifier in dict.fromkeys((facts.own, *facts.identifiers)):
            if identifier is None:
                continue
            found = self._staging.holder(identifier, first=self._is_first(identifier))
            if found is not None:
                return found
        return None

    def account_of(self, facts: Facts) -> str | None:
        """Whose a row is: as it says, else whose the first of its identifiers is that is known."""
        return facts.account or self._staging.found(facts)

    def rows(self, skip: int = 0) -> Iterator[tuple[Facts, tuple[Event, ...]]]:
        """Each row with its events, by time."""
        for facts in self._staging.in_order(skip):
            events = events_of(
                facts,
                self.account_of(facts),
                source=self._map.source,
                channel=self._map.channel,
            )
            yield facts, tuple(events)

    def count(self, report: Report) -> None:
        """Fill in what is only known once all is read."""
        for facts, events in self.rows():
            account = self.account_of(facts)
            if facts.account is not None:
                report.named += 1
            elif account is not None:
                report.found += 1
            else:
                report.unmatched += 1
            if account is not None:
                report.links_known += sum(
                    self._staging.linked_already(one, account) for one in facts.identifiers
                )
            report.events.update(type(event).__name__ for event in events)
            self._staging.count_events(event.subject for event in events)
        report.crowded = self._staging.crowded(WINDOW_IDS_MIN)
        report.conflicts = self._staging.conflicts(self._rules.accounts_max.get("personal"))


def read_into(
    staging: Staging,
    path: Path,
    mapping: ImportMap,
    reader: Reader,
    *,
    problem: Callable[[Problem], None],
    progress: Callable[[int], None],
) -> Report:
    """Read the file into the staging.

    Raises:
        CustomerFileError: it cannot be read to its end, or lacks a column.
    """
    report = Report()

    def told(one: Problem) -> None:
        counts = report.rejected if one.reason in REJECTIONS else report.set_aside
        counts[one.reason] += 1
        problem(one)

    for row in read_rows(path, mapping):
        report.rows += 1
        if report.rows % TOLD_ROWS == 0:
            progress(report.rows)
        if row.cells is not None and staging.has(row.cells[mapping.row.key], row.digest):
            report.repeated += 1  # what is wrong with it was told the first time
            continue
        facts = reader.read(row, told)
        if facts is not None:
            staging.add(facts)
    progress(report.rows)
    return report
