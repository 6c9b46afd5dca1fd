"""Prints ``event_readers.py``: a reader for each of today's events (``make generate``)."""

from __future__ import annotations

import sys

from ccstream.wire.catalogue import EVENTS, RECORDS
from ccstream.wire.reader import reader_source
from ccstream.wire.schemas import default_schemas

__all__ = ["source"]

_HEAD = '''"""Readers of today's events, one function a schema.

Made from ``schemas/events`` by ``make generate``; not to be edited. They stand in a module so
that they can be compiled with the rest of the hot path; `reader` says what they promise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ccstream.domain.events import (
{imports}
)
from ccstream.wire.varint import Malformed, long, long_length

__all__ = ["EVENT_READERS"]

'''


def source() -> str:
    """The module's source."""
    classes = {fullname: cls.__name__ for fullname, cls in {**EVENTS, **RECORDS}.items()}
    names = {fullname: f"_{index}_{classes[fullname]}" for index, fullname in enumerate(EVENTS)}
    schemas = default_schemas()
    imports = "\n".join(f"    {name}," for name in sorted({*classes.values(), "Event"}))
    parts = [_HEAD.format(imports=imports)]
    for fullname, name in names.items():
        parsed = schemas.schema(fullname).parsed
        parts.append("\n" + reader_source(parsed, classes, name) + "\n\n")
    parts.append("\nEVENT_READERS: Final[dict[str, Callable[[bytes, int], Event]]] = {\n")
    parts += [f'    "{fullname}": {name},\n' for fullname, name in names.items()]
    parts.append('}\n"""By the full name of the schema."""\n')
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(source())
