"""The errors of ccstream, one tree.

::

    CcstreamError
    ├── SettingsError            a setting is unknown, missing or out of range
    │   ├── OptionError          an option or argument gives it, or names its file
    │   └── PersonalKeyError     a master key is missing, or another than the one that was used
    ├── RulesError               a rule pack is malformed, or an argument to it
    ├── CustomerFileError        a file of customers cannot be read, or has not the map's columns
    ├── SchemaError              a schema file breaks a rule, or cannot be found
    ├── UndecodableError         bytes that are no event (names the rejection reason)
    ├── InvalidEventError        an event that breaks a rule of its schema or context
    ├── TopicMismatchError       the cluster's topics are not what the catalogue says
    ├── BrokerUnavailableError   no broker answered in time
    ├── BrokerRefusedError       the broker answered, and refused
    ├── AccessDeniedError        the cluster takes no such login, or the user lacks a right
    ├── RegistryUnavailableError no schema registry answered, or it refused
    ├── DeliveryError            a record could not be stored by the broker
    ├── StalledError             records wait and nothing folds them
    ├── StateError               the stored state cannot be trusted or does not fit
    ├── StoreError               the local store cannot be used: full, locked, unreadable
    │   └── StoreDamagedError    its files are damaged; it is made anew at the next start
    ├── OutboxError              the outbox file cannot be used, or has no room on disk
    │   └── OutboxFullError      the outbox has reached its bound
    ├── FencedError              another member owns what this one wanted to write
    └── DevkitError              a local broker or tool could not be started

Each names what was wrong, where, and what to do about it; none carries a personal value.
"""

from __future__ import annotations

__all__ = [
    "AccessDeniedError",
    "BrokerRefusedError",
    "BrokerUnavailableError",
    "CcstreamError",
    "CustomerFileError",
    "DeliveryError",
    "DevkitError",
    "FencedError",
    "InvalidEventError",
    "OptionError",
    "OutboxError",
    "OutboxFullError",
    "PersonalKeyError",
    "RebalancingError",
    "RegistryUnavailableError",
    "RulesError",
    "SchemaError",
    "SettingsError",
    "StalledError",
    "StateError",
    "StoreDamagedError",
    "StoreError",
    "TopicMismatchError",
    "UndecodableError",
]


class CcstreamError(Exception):
    """Base of all errors that ccstream raises on purpose."""


class SettingsError(CcstreamError):
    """A setting is unknown, missing or out of range."""


class OptionError(SettingsError):
    """A setting is wrong that an option or argument gives, or a file that one of these names."""


class PersonalKeyError(SettingsError):
    """A master key is missing, is not one, or is another than the one that was used."""


class RulesError(CcstreamError):
    """A rule pack is malformed, or what it is asked about does not exist."""


class CustomerFileError(CcstreamError):
    """A file of customers cannot be read, or does not have what its map names."""


class SchemaError(CcstreamError):
    """A schema file breaks a rule, or cannot be found."""


class _ReasonedError(CcstreamError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UndecodableError(_ReasonedError):
    """Bytes that are no event; ``reason`` goes to the dead letters."""


class InvalidEventError(_ReasonedError):
    """An event that breaks a rule of its schema or context.

    ``field`` is the one it is about, as ``lines[0].quantity``, where that is known.
    """

    def __init__(self, reason: str, detail: str, field: str | None = None) -> None:
        super().__init__(reason, detail)
        self.field = field


class TopicMismatchError(CcstreamError):
    """The cluster's topics are not what the catalogue says."""


class BrokerUnavailableError(CcstreamError):
    """No broker answered in time."""


class RegistryUnavailableError(CcstreamError):
    """No schema registry answered, or it refused; the same request may do later."""


class BrokerRefusedError(CcstreamError):
    """The broker answered, and refused."""


class AccessDeniedError(CcstreamError):
    """The cluster does not take this client's login or certificate, or its user lacks a right."""


class DeliveryError(CcstreamError):
    """A record could not be stored by the broker."""


class RebalancingError(DeliveryError):
    """The group takes no offsets now: it is being put together anew."""


class StalledError(CcstreamError):
    """Records wait and nothing folds them."""


class StateError(CcstreamError):
    """The stored state cannot be trusted or does not fit."""


class StoreError(CcstreamError):
    """The local store of rows cannot be used; the changelogs have all that is in it."""


class StoreDamagedError(StoreError):
    """Files of the local store are damaged; it is made anew from the changelogs."""


class OutboxError(CcstreamError):
    """The outbox file cannot be used, or has no room on disk."""


class OutboxFullError(OutboxError):
    """The outbox has reached its bound of events or bytes."""


class FencedError(CcstreamError):
    """Another member owns what this one wanted to write."""


class DevkitError(CcstreamError):
    """A local broker or tool could not be started."""
