"""Contacts that the gateway said are not allowed, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Final

from ccstream.domain.consent import CONTACT_CHANNELS
from ccstream.ops.metrics import Metrics
from ccstream.rules import DENIALS

__all__ = ["Denials"]

_METRIC: Final = "ccstream_consent_denials_total"


class Denials:
    """Counts them by channel of contact and reason, from 0."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        metrics.add_many(_METRIC, dict.fromkeys(product(CONTACT_CHANNELS, DENIALS), 0))

    def count(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Count those of ``answers``, as `agent_view` has them, that say no."""
        said_no = (
            (answer["channel"], answer["reason"]) for answer in answers if not answer["allowed"]
        )
        self._metrics.add_many(_METRIC, Counter(said_no))
