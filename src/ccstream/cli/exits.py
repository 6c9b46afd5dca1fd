"""How commands end: one table of exit codes, which error has which, and a closed pipe."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import Final

from ccstream.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    CcstreamError,
    CustomerFileError,
    DeliveryError,
    DevkitError,
    FencedError,
    InvalidEventError,
    OptionError,
    OutboxError,
    RegistryUnavailableError,
    RulesError,
    StalledError,
    StoreError,
    UndecodableError,
)

__all__ = ["MEANINGS", "ExitCode", "code_of", "silence_stdout"]


class ExitCode(IntEnum):
    OK = 0
    NEGATIVE = 1
    USAGE = 2
    BROKER_UNAVAILABLE = 3
    STATE = 4
    DELIVERY = 5
    FENCED = 6
    MISSING_PART = 7
    STORE = 8
    STALLED = 9
    DENIED = 10
    BUG = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "Done, and the answer is yes: converged, no differences, all checks passed.",
    ExitCode.NEGATIVE: "Done, and the answer is no: differences were found, a check failed, "
    "no such key, a contact that is denied, a dead letter that is not there or cannot be retried.",
    ExitCode.USAGE: "A wrong option, argument, file or line of input, also of an option that gives "
    "a setting. Nothing was done, unless the message says so.",
    ExitCode.BROKER_UNAVAILABLE: "No broker, or no schema registry, answered in time.",
    ExitCode.STATE: "A setting is wrong (in the environment, the settings file or a file that it "
    "names), or topics or stored state do not fit: somebody has to look; a restart does not help.",
    ExitCode.DELIVERY: "A record could not be stored. A worker that ends so is to be restarted.",
    ExitCode.FENCED: "Another worker has taken over. Restart, with back-off.",
    ExitCode.MISSING_PART: "Something that this command needs is not there: an optional "
    "dependency, Java, Maven.",
    ExitCode.STORE: "The local store (state.directory) cannot be used: no room on disk, another "
    "process has it, or it is damaged. Nothing is lost, the changelogs have it all. Restart, with "
    "back-off.",
    ExitCode.STALLED: "A worker had records to fold and folded none for `engine.stall_timeout_ms`. "
    "Restart it; the reason says where it was stuck.",
    ExitCode.DENIED: "The cluster does not take the login or the certificate, or the user lacks a "
    "right; the message says which. A worker that ends so is to be restarted, with back-off: it "
    "reads its secrets again, and goes on where it was once this is mended.",
    ExitCode.BUG: "An error in ccstream itself; please report it. A worker that ends so is to "
    "be restarted.",
    ExitCode.INTERRUPTED: "Ended by Ctrl-C.",
}


_OF_THE_CALL: Final = (
    CustomerFileError,
    InvalidEventError,
    OptionError,
    RulesError,
    UndecodableError,
)


def code_of(error: CcstreamError) -> ExitCode:
    """The exit code of an error that reached the command line."""
    if isinstance(error, BrokerUnavailableError | RegistryUnavailableError):
        return ExitCode.BROKER_UNAVAILABLE
    if isinstance(error, AccessDeniedError):
        return ExitCode.DENIED
    if isinstance(error, _OF_THE_CALL):
        return ExitCode.USAGE
    if isinstance(error, DeliveryError | OutboxError):
        return ExitCode.DELIVERY
    if isinstance(error, FencedError):
        return ExitCode.FENCED
    if isinstance(error, StoreError):
        return ExitCode.STORE
    if isinstance(error, StalledError):
        return ExitCode.STALLED
    if isinstance(error, DevkitError):
        return ExitCode.MISSING_PART
    return ExitCode.STATE


def silence_stdout() -> None:
    """Let what is still to be flushed go nowhere: whoever read standard output has gone."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 1)
