"""Why a worker ended: its exit status, for whoever restarts it."""

from __future__ import annotations

from enum import IntEnum

from ccstream.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    DeliveryError,
    DevkitError,
    FencedError,
    OptionError,
    RegistryUnavailableError,
    RulesError,
    SchemaError,
    SettingsError,
    StalledError,
    StateError,
    StoreError,
    TopicMismatchError,
)

__all__ = ["ExitStatus", "status_of"]


class ExitStatus(IntEnum):
    """The command line's exit codes, as far as a worker uses them."""

    STOPPED = 0
    USAGE = 2
    BROKER_UNAVAILABLE = 3
    STATE = 4
    DELIVERY = 5
    FENCED = 6
    MISSING_PART = 7
    STORE = 8
    STALLED = 9
    DENIED = 10
    FAILED = 70


def status_of(error: BaseException) -> ExitStatus:
    """The exit status of a worker that ended with ``error``."""
    if isinstance(error, FencedError):
        return ExitStatus.FENCED
    if isinstance(error, AccessDeniedError):
        return ExitStatus.DENIED
    if isinstance(error, BrokerUnavailableError | RegistryUnavailableError):
        return ExitStatus.BROKER_UNAVAILABLE
    if isinstance(error, DeliveryError):
        return ExitStatus.DELIVERY
    if isinstance(error, StoreError):
        return ExitStatus.STORE
    if isinstance(error, StalledError):
        return ExitStatus.STALLED
    if isinstance(error, DevkitError):
        return ExitStatus.MISSING_PART
    if isinstance(error, OptionError | RulesError):
        return ExitStatus.USAGE
    if isinstance(error, StateError | TopicMismatchError | SettingsError | SchemaError):
        return ExitStatus.STATE
    return ExitStatus.FAILED
