"""A schema registry that speaks Confluent's API, where the Confluent framing is used.

Subjects are named by RecordNameStrategy: a subject is a record's full name. Every channel may
publish every event, so a record has one history whichever topics carry it. Registered are
the records that others write or read: events, sync records and dead letters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from ccstream.domain import reasons
from ccstream.errors import (
    DevkitError,
    RegistryUnavailableError,
    SchemaError,
    SettingsError,
    UndecodableError,
)
from ccstream.wire.catalogue import SYSTEM
from ccstream.wire.schemas import SchemaInfo, SchemaSet

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

__all__ = ["COMPATIBILITY", "Registration", "Registry", "published_schemas"]

COMPATIBILITY: Final = "FULL_TRANSITIVE"
"""Old readers read new records and new readers old ones, of all versions."""

_TIMEOUT_S: Final = 5.0
"""A registry answers in milliseconds; a worker that waits longer falls behind unnoticed."""

_RETRIES_MAX: Final = 2
_RETRY_MS: Final = 200

_UNKNOWN_IDS_MAX: Final = 1024
"""Ids that the registry does not know are remembered, so that garbage with a good first byte
does not become a request each."""

_UNKNOWN_S: Final = 30.0
"""And forgotten after this, since an id may be registered later."""

_SCHEMA_REFUSED: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Not compatible with an earlier version; not a schema."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registration:
    """What was done for one subject. ``schema_id`` is None where nothing is registered yet."""

    subject: str
    schema_id: int | None
    action: Literal["registered", "unchanged", "would register"]


class Registry:
    """The registry's schemas by id, and its ids of ours. For use by one thread.

    Args:
        url: ``http://…``, ``https://…``, or ``mock://name`` for one inside the process.
        username, password: for HTTP basic authentication.

    Raises:
        DevkitError: the registry's client is not installed.
        SettingsError: the address is none, or has a password in it.
    """

    def __init__(
        self, url: str, *, username: str | None = None, password: str | None = None
    ) -> None:
        self.url = url
        self._client = _connect(url, username, password)
        self._writers: dict[int, SchemaInfo] = {}
        self._ids: dict[str, int] = {}
        self._unknown: dict[int, float] = {}

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the registry."""
        self._client.close()

    def writer(self, schema_id: int) -> SchemaInfo:
        """The schema that records with this id were written with.

        Raises:
            UndecodableError: the registry has no such schema, or none that is an Avro record.
            RegistryUnavailableError: the registry does not answer, or refuses to.
        """
        known = self._writers.get(schema_id)
        if known is not None:
            return known
        if self._unknown.get(schema_id, 0.0) > time.monotonic():
            raise _unknown(schema_id)
        found = self._ask(self._client.get_schema, schema_id)
        if found is None:
            self._remember_unknown(schema_id)
            raise _unknown(schema_id)
        info = _info(schema_id, found)
        self._writers[schema_id] = info
        return info

    def schema_id(self, info: SchemaInfo) -> int:
        """The id under which this very schema is registered.

        Raises:
            SchemaError: it is not registered.
            RegistryUnavailableError: the registry does not answer, or refuses to.
        """
        known = self._ids.get(info.fullname)
        if known is not None:
            return known
        found = self._lookup(info)
        if found is None:
            raise SchemaError(
                f"{info.fullname} is not registered at {self.url}; "
                "register it with `ccstream schemas register`"
            )
        self._ids[info.fullname] = found
        return found

    def register(
        self, schemas: Iterable[SchemaInfo], *, dry_run: bool = False
    ) -> Iterator[Registration]:
        """Register what is not registered, one at a time, and set `COMPATIBILITY` for each.

        Raises:
            SchemaError: the registry has a version that the schema is not compatible with.
            RegistryUnavailableError: the registry does not answer, or refuses to.
        """
        for info in schemas:
            known = self._lookup(info)
            if dry_run:
                action: Literal["unchanged", "would register"]
                action = "would register" if known is None else "unchanged"
                yield Registration(info.fullname, known, action)
                continue
            # before, so that it judges this version; after, since some registries do not keep
            # it for a subject that is not there yet
            self._set_compatibility(info.fullname)
            if known is not None:
                yield Registration(info.fullname, known, "unchanged")
                continue
            registered = self._ask(self._client.register_schema, info.fullname, _text(info))
            if registered is None:
                raise RegistryUnavailableError(f"there is no schema registry at {self.url}")
            self._ids[info.fullname] = registered
            self._set_compatibility(info.fullname)
            yield Registration(info.fullname, registered, "registered")

    def _lookup(self, info: SchemaInfo) -> int | None:
        found = self._ask(self._client.lookup_schema, info.fullname, _text(info))
        return None if found is None else found.schema_id

    def _set_compatibility(self, subject: str) -> None:
        from confluent_kafka.schema_registry import ConfigCompatibilityLevel, ServerConfig

        level = ConfigCompatibilityLevel(COMPATIBILITY)
        self._ask(self._client.set_config, subject, ServerConfig(compatibility=level))

    def _ask(self, request: Callable[..., T], *arguments: object) -> T | None:
        """The registry's answer, None where it has no such thing; its errors become ours."""
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            return request(*arguments)
        except SchemaRegistryError as error:
            if error.http_status_code == HTTPStatus.NOT_FOUND:
                return None
            if error.http_status_code in _SCHEMA_REFUSED:
                raise SchemaError(
                    f"the schema registry at {self.url} refuses a schema: {error.error_message}"
                ) from error
            raise RegistryUnavailableError(
                f"the schema registry at {self.url} refuses: {error}"
            ) from error
        except Exception as error:  # whichever HTTP client is below
            raise RegistryUnavailableError(
                f"the schema registry at {self.url} does not answer: {error}"
            ) from error

    def _remember_unknown(self, schema_id: int) -> None:
        if len(self._unknown) >= _UNKNOWN_IDS_MAX:
            self._unknown.clear()
        self._unknown[schema_id] = time.monotonic() + _UNKNOWN_S


def published_schemas(schemas: SchemaSet) -> tuple[SchemaInfo, ...]:
    """The schemas that others write or read: what is to be registered."""
    dead_letter = schemas.schema(f"{SYSTEM}.Rejected")
    return (*schemas.in_group("events"), *schemas.in_group("sync"), dead_letter)


def _connect(url: str, username: str | None, password: str | None) -> SchemaRegistryClient:
    if "@" in url:
        raise SettingsError(
            "registry.url: an address with a password in it would get into logs; "
            "use registry.username and registry.password"
        )
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient
    except ImportError as error:
        raise DevkitError(
            "a schema registry needs its client: install `ccstream[registry]`"
        ) from error
    config: dict[str, object] = {
        "url": url,
        "timeout": _TIMEOUT_S,
        "max.retries": _RETRIES_MAX,
        "retries.wait.ms": _RETRY_MS,
    }
    if username is not None:
        config["basic.auth.user.info"] = f"{username}:{password or ''}"
    try:
        return SchemaRegistryClient.new_client(config)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"registry.url: {url!r} is not usable: {error}") from error


def _text(info: SchemaInfo) -> Schema:
    from confluent_kafka.schema_registry import Schema

    return Schema(json.dumps(info.raw, ensure_ascii=False, sort_keys=True), "AVRO")


def _info(schema_id: int, found: Schema) -> SchemaInfo:
    try:
        if (found.schema_type or "AVRO") != "AVRO":
            raise SchemaError(f"it is {found.schema_type}, not Avro")
        raw = json.loads(found.schema_str or "")
        if not isinstance(raw, dict) or raw.get("type") != "record":
            raise SchemaError("it is not a record")
        return SchemaInfo.of(raw, group="registry")
    except (ValueError, SchemaError) as error:
        raise UndecodableError(
            reasons.UNKNOWN_SCHEMA, f"schema id {schema_id} cannot be read: {error}"
        ) from error


def _unknown(schema_id: int) -> UndecodableError:
    return UndecodableError(
        reasons.UNKNOWN_SCHEMA, f"the schema registry has no schema with the id {schema_id}"
    )
