"""Prints ``event_writers.py``: a writer for each of today's events (``make generate``)."""

from __future__ import annotations

import sys

from ccstream.wire.catalogue import EVENTS
from ccstream.wire.schemas import default_schemas
from ccstream.wire.writer import writer_source

__all__ = ["source"]

_HEAD = '''"""Writers of today's events, one function a schema.

Made from ``schemas/events`` by ``make generate``; not to be edited. They stand in a module so
that they can be compiled with the rest of the hot path; `writer` says what they promise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ccstream.domain.events import (
{imports}
)
from ccstream.wire.primitives import BytesWriter, put_long

__all__ = ["EVENT_WRITERS"]

'''


def source() -> str:
    """The module's source."""
    names = {
        fullname: f"_{index}_{cls.__name__}" for index, (fullname, cls) in enumerate(EVENTS.items())
    }
    schemas = default_schemas()
    imports = "\n".join(f"    {name}," for name in sorted(cls.__name__ for cls in EVENTS.values()))
    parts = [_HEAD.format(imports=imports)]
    for fullname, name in names.items():
        parts.append("\n")
        parts.append(
            writer_source(schemas.schema(fullname).parsed, name, EVENTS[fullname].__name__)
        )
        parts.append("\n\n")
    parts.append("\nEVENT_WRITERS: Final[dict[str, Callable[[bytes, Any], bytes]]] = {\n")
    parts += [f'    "{fullname}": {name},\n' for fullname, name in names.items()]
    parts.append('}\n"""By the full name of the schema: ``write(prefix, event)``."""\n')
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(source())
