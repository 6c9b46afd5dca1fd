"""How a worker's end is told to whoever restarts it."""

from __future__ import annotations

import pytest

from ccstream import errors
from ccstream.cli.exits import ExitCode, code_of
from ccstream.engine.status import ExitStatus, status_of

TREE = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.CcstreamError)
]
NEVER_A_WORKERS = (
    # each is of an event, of the SDK or of a command; from a worker it is a mistake of ours
    errors.CustomerFileError,
    errors.InvalidEventError,
    errors.OutboxError,
    errors.UndecodableError,
    errors.BrokerRefusedError,
)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in TREE
        if kind.__name__ in errors.__all__
        and kind is not errors.CcstreamError
        and not issubclass(kind, NEVER_A_WORKERS)
    ],
)
def test_a_worker_ends_with_the_exit_code_that_commands_have_for_the_error(
    kind: type[errors.CcstreamError],
) -> None:
    assert int(status_of(kind("why"))) == int(code_of(kind("why")))


def test_a_registry_that_is_away_is_worth_a_restart() -> None:
    away = errors.RegistryUnavailableError("no answer")
    assert status_of(away) == ExitStatus.BROKER_UNAVAILABLE


def test_any_other_exception_is_told_as_a_mistake_of_ours() -> None:
    assert status_of(KeyError("x")) == ExitStatus.FAILED


@pytest.mark.parametrize("status", list(ExitStatus))
def test_every_exit_status_of_a_worker_is_in_the_table_of_exit_codes(status: ExitStatus) -> None:
    assert int(status) in set(map(int, ExitCode))
