from __future__ import annotations

from pathlib import Path

from ccstream.cli.reference import cli_page


def test_the_page_of_the_command_line_is_fresh(root: Path) -> None:
    assert (root / "docs" / "cli.md").read_text(encoding="utf-8") == cli_page(), (
        "stale: `make generate` writes it again"
    )
