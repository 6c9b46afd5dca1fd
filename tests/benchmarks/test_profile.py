"""Stacks as py-spy writes them become names for people."""

from __future__ import annotations

from benchmarks.profile import read

START = "0x7f31 (libc.so.6);thread_run (libpython3.11.so.1.0);Thread.run (threading.py:982)"


def frames(*names: str, thread: str = "ccstream-engine") -> list[tuple[str, ...]]:
    return list(read(f"thread (42): {thread};{START};{';'.join(names)} 3\n"))


def test_compiled_functions_have_their_modules_and_layers_and_their_wrappers_go() -> None:
    assert frames(
        "CPyPy_fold___Folder___fold (__native_1.c:62648)",
        "CPyDef_fold___Folder___fold (__native_1.c:62351)",
        "CPyDef_fold___Folder____apply (__native_1.c:64454)",
        "Py_DECREF (object.h:537)",
        "CPyDef_cart___step (__native_1.c:517)",
        "CPyDef_engine___partition___Partition_clear (__native_1.c:71640)",
    ) == [
        (
            "ccstream-engine",
            "fold.Folder.fold (ccstream/engine)",
            "fold.Folder._apply (ccstream/engine)",
            "cart.step (ccstream/domain)",
            "partition.Partition_clear (ccstream/engine)",
        )
    ]


def test_interpreted_functions_have_them_too_and_libraries_their_name() -> None:
    assert frames(
        "Engine._run (ccstream/engine/engine.py:100)", "decode (msgspec/_core.cpython-311.so)"
    ) == [("ccstream-engine", "engine.Engine._run (ccstream/engine)", "decode (msgspec)")]


def test_threads_that_are_not_ccstreams_are_left_out() -> None:
    assert frames("select (selectors.py:1)", thread="MainThread") == []


def test_samples_of_one_stack_at_several_lines_add_up() -> None:
    line = "thread (42): ccstream-engine;f (ccstream/engine/chunks.py:{}) {}\n"
    found = read(line.format(1, 2) + line.format(9, 5))
    assert list(found.values()) == [7]
