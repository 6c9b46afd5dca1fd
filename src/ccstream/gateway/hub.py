"""One reader of the sync topics for all clients of the gateway.

It keeps every profile's rows (`ccstream.gateway.profiles`), read committed from the beginning
of the compacted topics and from then on live, by the reader's rule, and hands each change to
the streams that follow its profile. Aliases are read committed. All of it happens on the
event loop, a batch at a time, so that a stream that begins between two batches misses
nothing and hears nothing twice.

If the topics cannot be followed any more, the streams end, the gateway is not ready, and all
is read anew; clients come back with their cursors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from ccstream.client.feed_thread import FeedThread
from ccstream.client.log_reader import LogRecord
from ccstream.client.records import Gap
from ccstream.client.view_feed import CaughtUp, ViewFeed
from ccstream.errors import CcstreamError, SettingsError
from ccstream.gateway import messages
from ccstream.gateway.aliases import Aliases, Link
from ccstream.gateway.cursor import Cursor, Cursors
from ccstream.gateway.problems import ProblemError
from ccstream.gateway.profiles import AGGREGATES, ALL_TABLES, Profiles
from ccstream.gateway.recent import RECENT_MS_MAX, Recorded
from ccstream.gateway.sightings import Sightings
from ccstream.gateway.subscription import Ending, Subscription
from ccstream.ops.codecs import codec_of
from ccstream.ops.logs import logger
from ccstream.ops.metrics import Metrics
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import SYNC_TOPICS, changelog_topic

__all__ = ["Hub"]

log = logger(__name__)

RETRY_S_MIN: Final = 1.0
RETRY_S_MAX: Final = 30.0
"""Between two attempts to follow the topics; doubled each time."""

RETRY_AFTER_S: Final = 2
"""What a client is told that comes too early."""

CATCH_UP_S: Final = 2.0
"""How long a client waits whose cursor is from a gateway that has read further: a moment does,
and if it does not, the topics are other ones now."""

LOOK_S: Final = 0.05

MISSED_MAX: Final = 200
"""Changes told one by one to a client that comes back; a snapshot is shorter than more."""


class Hub:
    """Follows the topics, and knows who follows whom.

    Args:
        settings: how to reach Kafka, and bounds.
        cursors: writes the cursors.
        metrics: where streams are counted.
    """

    def __init__(self, settings: Settings, cursors: Cursors, metrics: Metrics) -> None:
        self._settings = settings
        self._cursors = cursors
        self._metrics = metrics
        self.sightings = Sightings(settings, metrics)
        self._codec = codec_of(settings)
        self._profiles: Profiles | None = None
        self._aliases = Aliases(self._codec)
        self._feed: ViewFeed | None = None
        self._of_profile: dict[str, set[Subscription]] = {}
        self._of_key: dict[str, set[Subscription]] = {}
        self._failed: asyncio.Future[None] | None = None
        self.away: str | None = "the sync topics are being read"
        """Why no stream can begin just now; None if one can."""
        metrics.set("ccstream_gateway_streams", (), 0)

    async def run(self) -> None:
        """Follow the topics until cancelled."""
        wait_s = RETRY_S_MIN
        while True:
            begun = time.monotonic()
            try:
                await self._follow()
            except SettingsError as error:
                # A restart does not help, but ingest goes on without this part.
                self.away = "the sync topics cannot be followed, see the log"
                log.error("no pushing until this is mended", reason=str(error))
                return
            except CcstreamError as error:
                self.away = "the sync topics cannot be read"
                log.warning("the sync topics cannot be read; trying again", reason=str(error))
            finally:
                self.end_all("lost")
                self._profiles = self._feed = None
            wait_s = RETRY_S_MIN if time.monotonic() - begun > RETRY_S_MAX else wait_s * 2
            await asyncio.sleep(min(wait_s, RETRY_S_MAX))

    @property
    def profiles(self) -> Profiles:
        """What is known of all profiles.

        Raises:
            ProblemError: unavailable: the topics have not been read yet.
        """
        if self._profiles is None or self.away is not None:
            raise ProblemError(
                "unavailable",
                f"No profile can be shown just now: {self.away}.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        return self._profiles

    def profile_of(self, key: str) -> str:
        """The profile that a key leads to, by what is committed."""
        return self._aliases.profile(key)

    def links(self, profile: str) -> list[Link]:
        """The identifiers that lead to a profile, by what is committed."""
        return self._aliases.links(profile)

    async def subscribe(
        self, key: str, tables: tuple[int, ...], cursor: Cursor | None, channel: str
    ) -> Subscription:
        """Begin a stream: ``hello``, then what the cursor's owner missed, or a snapshot.

        Raises:
            ProblemError: unavailable.
        """
        if cursor is not None:
            await self._caught_up(key, cursor)
        profiles = self.profiles
        profile = self._aliases.profile(key)
        fingerprint = self._cursors.fingerprint(profile)
        subscription = Subscription(key, profile, fingerprint, tables, channel)
        missed = None if cursor is None else self._missed(profiles, profile, tables, cursor)
        hello = messages.hello(
            key=key,
            profile=profile,
            version=profiles.version(profile, tables),
            resumed=missed is not None,
            gap=cursor is not None and missed is None,
        )
        if missed is None:
            told = [self._snapshot(profiles, subscription)]
        else:
            told = [messages.change(one, profiles.decode(one)) for one in missed]
        self._say(subscription, hello, *told)
        self._of_profile.setdefault(profile, set()).add(subscription)
        self._of_key.setdefault(key, set()).add(subscription)
        self._metrics.add("ccstream_gateway_streams", ())
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """The stream is over."""
        _discard(self._of_profile, subscription.profile, subscription)
        _discard(self._of_key, subscription.key, subscription)
        self._metrics.add("ccstream_gateway_streams", (), -1)
        why = subscription.ending or "hung_up"
        self._metrics.add("ccstream_gateway_streams_ended_total", (why,))

    def keep_alive(self, subscription: Subscription) -> bytes:
        """What is sent where there is nothing to say: how far the client is by now."""
        return messages.keep_alive(None if self.away else self._cursor(subscription))

    def end_all(self, why: Ending) -> None:
        """End every stream."""
        for subscriptions in self._of_key.values():
            for subscription in subscriptions:
                subscription.end(why)

    async def _follow(self) -> None:
        """Read all there is, then go on until that fails."""
        loop = asyncio.get_running_loop()
        self._failed = failed = loop.create_future()
        self._aliases = Aliases(self._codec)
        read = [loop.create_future(), loop.create_future()]
        topics = [SYNC_TOPICS[table] for table in AGGREGATES.values()]
        start_s = self._settings.kafka.connect_timeout_ms / 1000
        changelog = changelog_topic(self._settings.app_id, "aliases")
        rows = ViewFeed(self._settings, topics, start_s, live=True)
        aliases = ViewFeed(self._settings, [changelog], start_s, live=False)
        self._feed = rows
        fail = partial(_fail, failed)
        threads: list[FeedThread[LogRecord | Gap | CaughtUp]] = [
            FeedThread(aliases, lambda batch: self._take_aliases(batch, threads[0], read[0]), fail),
            FeedThread(rows, lambda batch: self._take(batch, threads[1], read[1]), fail),
        ]
        self.away = "the sync topics are being read"
        try:
            await threads[0].start()
            await threads[1].start()
            profiles = self._held()
            await asyncio.wait([failed, asyncio.gather(*read)], return_when="FIRST_COMPLETED")
            if not failed.done():
                self.away = None
                log.info(
                    "profiles can be followed",
                    rows=profiles.rows,
                    bytes=profiles.held_bytes,
                    aliases=len(self._aliases),
                )
            await failed
        finally:
            for thread in threads:
                await thread.stop()

    def _held(self) -> Profiles:
        """What is known, from the first batch on, which may come before anybody has waited."""
        if self._profiles is None:
            assert self._feed is not None
            topic = SYNC_TOPICS[next(iter(AGGREGATES.values()))]
            self._profiles = Profiles(self._codec, self._feed.partitions(topic))
        return self._profiles

    def _take(
        self,
        batch: Sequence[LogRecord | Gap | CaughtUp],
        thread: FeedThread[LogRecord | Gap | CaughtUp],
        read: asyncio.Future[None],
    ) -> None:
        profiles = self._held()
        now_ms = time.time_ns() // 1_000_000
        for item in batch:
            if isinstance(item, LogRecord):
                recorded = profiles.take(item, now_ms)
                if recorded is not None:
                    self._tell(profiles, recorded)
            elif isinstance(item, Gap):
                self._lose(profiles, item)
            elif not read.done():
                read.set_result(None)
        self._watch_size(profiles)
        thread.taken()

    def _tell(self, profiles: Profiles, recorded: Recorded) -> None:
        followers = self._of_profile.get(recorded.profile)
        if not followers:
            return
        interested = [one for one in followers if recorded.table in one.tables]
        if not interested:
            return
        record = profiles.decode(recorded)
        body = messages.change(recorded, record)
        told: dict[tuple[str, tuple[int, ...]], bytes] = {}
        for subscription in interested:
            who = (subscription.key, subscription.tables)
            message = told.get(who)
            if message is None:
                message = told[who] = messages.with_id(self._cursor(subscription), body)
            subscription.put(message)
        self.sightings.told(record, interested)

    def _lose(self, profiles: Profiles, gap: Gap) -> None:
        rows = profiles.forget(gap)
        log.warning(
            "records were deleted before they were read; what they were about is not known",
            topic=gap.topic,
            partition=gap.partition,
            first=gap.first,
            resumed_at=gap.resumed_at,
            rows=rows,
        )
        for profile, followers in self._of_profile.items():
            if profiles.partition(profile) == gap.partition:
                for subscription in followers:
                    subscription.end("lost")

    def _watch_size(self, profiles: Profiles) -> None:
        held = profiles.held_bytes
        self._metrics.set("ccstream_gateway_replica_bytes", (), held)
        most = self._settings.gateway.replica_bytes_max
        if held > most and self._failed is not None:
            _fail(
                self._failed,
                SettingsError(
                    f"the sync topics hold more than gateway.replica_bytes_max, {most:,} bytes; "
                    "give the gateway more memory and raise it"
                ),
            )

    def _take_aliases(
        self,
        batch: Sequence[LogRecord | Gap | CaughtUp],
        thread: FeedThread[LogRecord | Gap | CaughtUp],
        read: asyncio.Future[None],
    ) -> None:
        for item in batch:
            if isinstance(item, LogRecord):
                key = self._aliases.take(item)
                if key is not None and self.away is None:
                    self._lead_elsewhere(key)
            elif isinstance(item, CaughtUp) and not read.done():
                read.set_result(None)
        thread.taken()

    def _lead_elsewhere(self, key: str) -> None:
        """Move the streams that came by this key, or had ended there."""
        for subscription in {*self._of_key.get(key, ()), *self._of_profile.get(key, ())}:
            profile = self._aliases.profile(subscription.key)
            if profile == subscription.profile:
                continue
            _discard(self._of_profile, subscription.profile, subscription)
            subscription.profile = profile
            subscription.fingerprint = self._cursors.fingerprint(profile)
            self._of_profile.setdefault(profile, set()).add(subscription)
            version = self.profiles.version(profile, subscription.tables)
            moved = messages.moved(key=subscription.key, profile=profile, version=version)
            self._say(subscription, moved, self._snapshot(self.profiles, subscription))

    def _snapshot(self, profiles: Profiles, subscription: Subscription) -> bytes:
        profile, tables = subscription.profile, subscription.tables
        records = profiles.snapshot(profile, tables)
        return messages.snapshot(profile, profiles.version(profile, tables), records)

    def _say(self, subscription: Subscription, *bodies: bytes) -> None:
        """What belongs together; only the last has the cursor, lest a half counts as all."""
        *before, last = bodies
        cursor = self._cursor(subscription)
        subscription.put(b"".join([*before, messages.with_id(cursor, last)]))

    def _cursor(self, subscription: Subscription) -> str:
        return self._cursors.text(
            subscription.key,
            Cursor(
                subscription.tables,
                subscription.fingerprint,
                time.time_ns() // 1_000_000,
                self.profiles.offsets(subscription.profile),
            ),
        )

    def _missed(
        self, profiles: Profiles, profile: str, tables: tuple[int, ...], cursor: Cursor
    ) -> list[Recorded] | None:
        """What happened since; None if that cannot be told whole."""
        if (
            cursor.profile != self._cursors.fingerprint(profile)
            or not set(tables) <= set(cursor.tables)
            or len(cursor.offsets) != len(ALL_TABLES)
            or cursor.made_at < time.time_ns() // 1_000_000 - RECENT_MS_MAX
            or not self._has_read(profile, cursor)
        ):
            return None
        partition = profiles.partition(profile)
        missed = profiles.recent.since(profile, partition, tables, cursor.offsets)
        return None if missed is None or len(missed) > MISSED_MAX else missed

    async def _caught_up(self, key: str, cursor: Cursor) -> None:
        """Wait until this gateway has read as far as the one that made the cursor."""
        deadline = time.monotonic() + CATCH_UP_S
        while time.monotonic() < deadline:
            profile = self._aliases.profile(key)
            if self._profiles is None or self._has_read(profile, cursor):
                return
            await asyncio.sleep(LOOK_S)

    def _has_read(self, profile: str, cursor: Cursor) -> bool:
        feed = self._feed
        if feed is None or self._profiles is None:
            return False
        partition = self._profiles.partition(profile)
        # The feed's own positions: markers and aborted records count, as they did elsewhere.
        return all(
            feed.positions.get((SYNC_TOPICS[table], partition), 0) >= offset
            for table, offset in zip(AGGREGATES.values(), cursor.offsets, strict=False)
        )


def _fail(failed: asyncio.Future[None], error: BaseException) -> None:
    if not failed.done():
        failed.set_exception(error)


def _discard(
    of: dict[str, set[Subscription]], key: str, subscription: Subscription
) -> Iterable[Subscription]:
    followers = of.get(key, set())
    followers.discard(subscription)
    if not followers:
        of.pop(key, None)
    return followers
