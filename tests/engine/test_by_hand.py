"""Events that were too late and are asked for by hand, and whom a dead letter was sent on to."""

from __future__ import annotations

from ccstream.wire.catalogue import MAIL_TOPIC
from ccstream.wire.headers import BY_HAND, header
from ccstream.wire.mail import FORWARD, Mail, encode_mail
from tests.engine.world import CODEC, NOW, World, added, key_living_at, shown

CARTS = "sync.carts.v1"
HERE, ELSEWHERE = key_living_at(0), key_living_at(1)
ASKED = [(BY_HAND, b"")]
OLD = NOW - 40 * 24 * 3_600_000


def outcomes(world: World) -> list[str]:
    return [one["cause"]["outcome"] for one in shown(world.delivery.sent, CARTS)]


def letter(**fields: object) -> bytes:
    return encode_mail(
        Mail(
            mail_id="m",
            hops=1,
            to=HERE,
            kind=FORWARD,
            origin_topic="channel.web.events.v1",
            origin_partition=2,
            origin_offset=17,
            origin_appended_at=NOW - 5_000,
            value=CODEC.encode_event(added(**fields)),
        )
    )


def test_an_event_that_is_too_late_is_applied_if_somebody_asks_for_it_and_once() -> None:
    world = World()
    world.fold(added(occurred_at=OLD))
    assert world.quantity(HERE) == 0
    world.fold(added(occurred_at=OLD), headers=ASKED)
    world.fold(added(occurred_at=OLD), headers=ASKED)
    world.fold(added(occurred_at=OLD))
    assert outcomes(world) == ["applied", "duplicate", "too_late"]
    assert world.quantity(HERE) == 1


def test_asking_for_it_makes_no_duplicate_fresh() -> None:
    world = World()
    world.fold(added())
    world.fold(added(), headers=ASKED)
    assert outcomes(world) == ["applied", "duplicate"]
    assert world.quantity(HERE) == 1


def test_an_event_sent_on_is_still_asked_for_and_no_other_is() -> None:
    world = World()
    world.fold(added(subject=ELSEWHERE), headers=ASKED)
    world.fold(added(subject=ELSEWHERE))
    asked, not_asked = (s for s in world.delivery.sent if s.topic == MAIL_TOPIC)
    assert header(asked.headers, BY_HAND) is not None
    assert header(not_asked.headers, BY_HAND) is None
    world.fold_bytes(HERE.encode(), letter(occurred_at=OLD), topic=2, headers=ASKED)
    assert outcomes(world) == ["applied"]


def test_a_dead_letter_of_a_letter_says_to_whom_it_was_and_others_do_not() -> None:
    world = World()
    world.fold_bytes(HERE.encode(), letter(occurred_at=OLD, subject=ELSEWHERE), topic=2)
    world.fold(added(occurred_at=OLD))
    assert [one.to for one in world.rejected] == [HERE, None]
