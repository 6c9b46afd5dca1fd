"""What an application needs that rebuilds another: its settings, its topics, a log to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import Message

from ccstream.errors import OptionError, StateError
from ccstream.ops.broker import Broker
from ccstream.ops.reading import TopicReader
from ccstream.ops.settings import Settings
from ccstream.ops.topics import Plan, apply, survey
from ccstream.wire.catalogue import topic_numbers

__all__ = ["make_topics", "rebuilt_settings", "tell_beginning"]

_OURS: Final = ("sync", "signals", "insight", "rejected", "changelog")
"""Kinds of topics that an application has for itself; the others are there, or nothing is."""


def rebuilt_settings(settings: Settings, app_id: str) -> Settings:
    """The settings of application ``app_id``, which rebuilds the one of ``settings``.

    Its outputs have its name before theirs, its rows a folder of their own.

    Raises:
        OptionError: it is the same application, or no name for one.
    """
    if app_id == settings.app_id:
        raise OptionError(
            f"{app_id!r} cannot rebuild itself: --as is the new application, --of the one there is"
        )
    Settings.load(app_id=app_id)  # says what is wrong with a name
    directory = settings.state.directory / f"rebuild-{app_id}"
    return settings.model_copy(
        update={
            "app_id": app_id,
            "output_prefix": f"{app_id}.",
            "state": settings.state.model_copy(update={"directory": directory}),
        }
    )


def make_topics(
    settings: Settings, report: Callable[[str], None], check: Callable[[], None]
) -> None:
    """Make the topics that only this application has, where they are not there yet.

    ``check`` is called before the first is made, when those are there that both share; what it
    raises leaves the cluster as it was.

    Raises:
        StateError: those that it shares with the one to rebuild are missing.
        BrokerRefusedError: this user may not make topics.
        TopicMismatchError: a topic has another number of partitions.
    """
    broker = Broker(settings)
    planned = survey(settings, broker)
    missing = [one.topic for one in planned.of("create") if one.kind not in _OURS]
    if missing:
        raise StateError(
            f"{len(missing)} topics to read are not there, {missing[0]} for one: is "
            f"{settings.kafka.bootstrap} the right cluster?"
        )
    check()
    apply(Plan(steps=planned.of("create")), broker, report=report)


def tell_beginning(settings: Settings, report: Callable[[str], None]) -> None:
    """Say how far back the log goes: what was before, a rebuild cannot bring back."""
    gone, earliest = 0, 0
    for topic in topic_numbers(settings.channels_extra):
        with TopicReader(settings, topic, "read_committed", report) as reader:
            for number in range(settings.kafka.partitions):
                first = reader.bounds(number)
                if not first.first:
                    continue
                gone += 1
                if first.first < first.end:
                    records = (one for batch in reader.read({number: first.first}) for one in batch)
                    earliest = max(earliest, _stored_at(records))
    if gone:
        since = "now" if not earliest else datetime.fromtimestamp(earliest / 1000, UTC).isoformat()
        report(
            f"the log does not reach back to its beginning in {gone} partitions, in one of them "
            f"only to {since}: what was folded before, and not since, will be missing"
        )


def _stored_at(records: Iterable[Message]) -> int:
    first: Any = next(iter(records), None)
    return 0 if first is None else first.timestamp()[1]
