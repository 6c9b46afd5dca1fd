"""Compiles an Avro schema into a Python function that reads it.

A function made for one schema is more than twice as quick as a general reader (3 µs against
7.5 µs for CartItemAdded, fastavro and msgspec together), and it can be strict where those
are lax: a negative length, a union index that does not exist, a boolean that is neither 0
nor 1, a varint that does not end, or bytes after the record are all refused, and no length
found in the bytes ever decides how much memory is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Any, Final

from ccstream.errors import SchemaError
from ccstream.wire.varint import Malformed, long, long_length

__all__ = ["Reader", "compile_reader", "reader_source"]

Reader = Callable[[bytes, int], Any]
"""``read(data, start)``: the one record that fills ``data`` from ``start`` to its end.

Raises `Malformed`, ``IndexError`` (cut short) or ``UnicodeDecodeError``; all of them mean
that the bytes are not that record.
"""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def compile_reader(
    parsed: Mapping[str, Any], classes: Mapping[str, Callable[..., Any]] | None = None
) -> Reader:
    """A reader for a record.

    Args:
        parsed: the record, self-contained, with full names and without logical types.
        classes: what to build for records, by full name, called with the fields as keyword
            arguments; a plain dict where there is none. With classes arrays are tuples,
            without they are lists.

    Raises:
        SchemaError: the schema contains itself, or a type that Avro does not have.
    """
    aliases = {fullname: f"C{number}" for number, fullname in enumerate(classes or {})}
    source = _Compiler(parsed, aliases, tuples=classes is not None).source("read")
    names: dict[str, Any] = {
        "Malformed": Malformed,
        "long_length": long_length,
        "long": long,
        "float": Struct("<f").unpack_from,
        "double": Struct("<d").unpack_from,
        **{aliases[fullname]: cls for fullname, cls in (classes or {}).items()},
    }
    # S102: names from the schema enter the source quoted, or are those of our own classes
    exec(compile(source, f"<reader of {parsed['name']}>", "exec"), names)  # noqa: S102
    reader: Reader = names["read"]
    return reader


def reader_source(
    parsed: Mapping[str, Any],
    classes: Mapping[str, str],
    name: str,
    *,
    types: Mapping[str, str] = NOTHING,
    encoded: Mapping[str, str] = NOTHING,
    elsewhere: Mapping[str, str] = NOTHING,
) -> str:
    """The source of such a reader as the typed function ``name``, to be written to a module.

    Args:
        parsed: as for :func:`compile_reader`.
        classes: the names of what to build, by the full names of their records; the module has
            to import them, and `Malformed`, `long` and `long_length` of ``varint``.
        name: the function's.
        types: of records that are built by functions, what those return.
        encoded: of records that keep the bytes that they were read from, the attribute for them.
        elsewhere: of records that are read by functions of the module's, what to call: an
            expression in ``b`` and ``p`` for the record and where the next value begins.
    """
    made = _Compiler(
        parsed, classes, tuples=True, types=types, encoded=encoded, elsewhere=elsewhere
    )
    return made.source(name)


_PRIMITIVES: Final = {
    "null": "None",
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "boolean": "bool",
    "float": "float",
    "double": "float",
}


class _Compiler:
    def __init__(
        self,
        parsed: Mapping[str, Any],
        classes: Mapping[str, str],
        *,
        tuples: bool,
        types: Mapping[str, str] = NOTHING,
        encoded: Mapping[str, str] = NOTHING,
        elsewhere: Mapping[str, str] = NOTHING,
    ) -> None:
        self._parsed = parsed
        self._classes = classes
        self._types = {**classes, **types}
        self._encoded = encoded
        self._elsewhere = elsewhere
        self._tuples = tuples
        self._lines: list[str] = []
        self._names = 0
        self._records: dict[str, Mapping[str, Any]] = {}
        self._open: list[str] = []

    def source(self, name: str) -> str:
        """A function of this name, its types declared for whoever compiles it further."""
        self._emit(0, f"def {name}(b: bytes, p: int) -> {self._type(self._parsed)}:")
        value = self._value(self._parsed, 1)
        self._emit(1, "if p > len(b): raise IndexError('cut short')")
        self._emit(1, "if p < len(b): raise Malformed('bytes are left after the record')")
        self._emit(1, f"return {value}")
        return "\n".join(self._lines)

    def _type(self, kind: Any) -> str:
        """The Python type of what is read, as an annotation."""
        if isinstance(kind, str):
            known = self._records.get(kind)
            return _PRIMITIVES.get(kind, "object") if known is None else self._type(known)
        if isinstance(kind, list):
            return " | ".join(map(self._type, kind))
        match kind["type"]:
            case "record":
                return self._types.get(kind["name"], "dict[str, object]")
            case "array":
                items = self._type(kind["items"])
                return f"tuple[{items}, ...]" if self._tuples else f"list[{items}]"
            case "map":
                return f"dict[str, {self._type(kind['values'])}]"
            case "enum":
                return "str"
            case "fixed":
                return "bytes"
            case nested:
                return self._type(nested)

    def _emit(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _value(self, kind: Any, depth: int) -> str:
        """Emits the code that reads one value; answers with the expression that holds it."""
        if isinstance(kind, str) and kind in self._records:
            kind = self._records[kind]
        if isinstance(kind, list):
            return self._union(kind, depth)
        if isinstance(kind, dict):
            match kind["type"]:
                case "record":
                    return self._record(kind, depth)
                case "array":
                    return self._blocks(kind["items"], depth)
                case "map":
                    return self._blocks(kind["values"], depth, keyed=True)
                case "enum":
                    self._records[kind["name"]] = kind
                    return self._enum(kind["symbols"], depth)
                case "fixed":
                    self._records[kind["name"]] = kind
                    return self._slice(f"{kind['size']:d}", depth)
                case nested:
                    return self._value(nested, depth)
        name = self._name()
        match kind:
            case "null":
                return "None"
            case "string" | "bytes":
                text = ".decode()" if kind == "string" else ""
                self._emit(depth, "n = b[p]")
                self._emit(depth, "if n & 0x81: n, p = long_length(b, p)")
                self._emit(depth, "else: n >>= 1; p += 1")
                self._emit(depth, f"q = p + n; {name} = b[p:q]{text}; p = q")
            case "int" | "long":
                self._emit(depth, "n = b[p]; p += 1")
                self._emit(depth, f"if n < 128: {name} = (n >> 1) ^ -(n & 1)")
                self._emit(depth, f"else: {name}, p = long(b, p - 1)")
                if kind == "int":
                    self._emit(depth, f"if not -2147483648 <= {name} < 2147483648:")
                    self._emit(depth + 1, "raise Malformed('an int of more than 32 bits')")
            case "boolean":
                self._emit(depth, "n = b[p]; p += 1")
                self._emit(depth, "if n > 1: raise Malformed('a boolean that is neither')")
                self._emit(depth, f"{name} = n == 1")
            case "float" | "double":
                width = 4 if kind == "float" else 8
                self._emit(depth, f"if p + {width} > len(b): raise IndexError('cut short')")
                self._emit(depth, f"{name} = {kind}(b, p)[0]; p += {width}")
            case _:
                raise SchemaError(f"{self._parsed['name']}: {kind!r} is no type of Avro's")
        return name

    def _slice(self, size: str, depth: int) -> str:
        name = self._name()
        self._emit(depth, f"q = p + {size}; {name} = b[p:q]; p = q")
        return name

    def _enum(self, symbols: list[str], depth: int) -> str:
        name = self._name()
        self._emit(depth, "n, p = long_length(b, p)")
        self._emit(depth, f"if n >= {len(symbols)}: raise Malformed('no such enum symbol')")
        self._emit(depth, f"{name} = {tuple(symbols)!r}[n]")
        return name

    def _union(self, branches: list[Any], depth: int) -> str:
        if len(branches) > 63:
            raise SchemaError(f"{self._parsed['name']}: a union of more than 63 types")
        name = self._name()
        self._emit(depth, f"{name}: {self._type(branches)}")
        self._emit(depth, "n = b[p]; p += 1")
        # the branch that holds something first: null is the quickest to read anyway
        order = sorted(range(len(branches)), key=lambda i: branches[i] == "null")
        for place, index in enumerate(order):
            self._emit(depth, f"{'elif' if place else 'if'} n == {2 * index}:")
            self._emit(depth + 1, f"{name} = {self._value(branches[index], depth + 1)}")
        self._emit(depth, "else: raise Malformed('a union index that does not exist')")
        return name

    def _record(self, record: Mapping[str, Any], depth: int) -> str:
        fullname = record["name"]
        if fullname in self._open:
            raise SchemaError(f"{fullname} contains itself")
        self._records[fullname] = record
        if fullname in self._elsewhere:
            self._define([field["type"] for field in record["fields"]])
            name = self._name()
            self._emit(depth, f"{name}, p = {self._elsewhere[fullname]}")
            return name
        self._open.append(fullname)
        begin = ""
        if fullname in self._encoded:
            begin = self._name()
            self._emit(depth, f"{begin} = p")
        fields = {f["name"]: self._value(f["type"], depth) for f in record["fields"]}
        self._open.pop()
        name = self._name()
        if fullname in self._classes:
            arguments = ", ".join(f"{k}={v}" for k, v in fields.items())
            self._emit(depth, f"{name} = {self._classes[fullname]}({arguments})")
        else:
            items = ", ".join(f"{k!r}: {v}" for k, v in fields.items())
            self._emit(depth, f"{name} = {{{items}}}")
        if begin:
            self._emit(depth, f"{name}.{self._encoded[fullname]} = b[{begin}:p]")
        return name

    def _define(self, kinds: list[Any]) -> None:
        """Note the named types that are defined in here; what comes later may name them."""
        for kind in kinds:
            if isinstance(kind, list):
                self._define(kind)
            elif isinstance(kind, dict):
                match kind["type"]:
                    case "record":
                        self._records[kind["name"]] = kind
                        self._define([field["type"] for field in kind["fields"]])
                    case "enum" | "fixed":
                        self._records[kind["name"]] = kind
                    case "array":
                        self._define([kind["items"]])
                    case "map":
                        self._define([kind["values"]])
                    case nested:
                        self._define([nested])

    def _blocks(self, items: Any, depth: int, *, keyed: bool = False) -> str:
        """An array, or with ``keyed`` a map: blocks of counted items up to an empty one."""
        name, count = self._name(), self._name()
        held = f"dict[str, {self._type(items)}]" if keyed else f"list[{self._type(items)}]"
        self._emit(depth, f"{name}: {held} = {'{}' if keyed else '[]'}")
        self._emit(depth, "while b[p]:")
        self._emit(depth + 1, f"{count}, p = long(b, p)")
        self._emit(depth + 1, f"if {count} < 0:")  # a block with its size in bytes in front
        self._emit(depth + 2, f"{count} = -{count}; n, p = long_length(b, p)")
        self._emit(depth + 1, f"if {count} > len(b) - p: raise IndexError('cut short')")
        self._emit(depth + 1, f"while {count}:")
        self._emit(depth + 2, f"{count} -= 1")
        if keyed:
            key = self._value("string", depth + 2)
            self._emit(depth + 2, f"{name}[{key}] = {self._value(items, depth + 2)}")
        else:
            self._emit(depth + 2, f"{name}.append({self._value(items, depth + 2)})")
        self._emit(depth, "p += 1")
        return f"tuple({name})" if self._tuples and not keyed else name
