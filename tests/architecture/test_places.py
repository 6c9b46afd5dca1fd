"""Nothing in the project knows on which machine it was made."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.support.source import ROOT, tracked

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|Users/\w+|home/(?!app\b)\w+)/[\w.-]")
PRIVATE_HOST = re.compile(
    r"https?://[\w.-]*(?:artifactory|nexus|\.internal|\.corp|\.lan|\.local)\b[\w.:/-]*"
    r"|https?://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.[\d.]+"
)
PUBLIC_INDEX = {"https://files.pythonhosted.org", "https://pypi.org"}


def findings(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert not findings(MACHINE_PATH)


def test_no_file_names_a_private_host() -> None:
    assert not findings(PRIVATE_HOST)


def test_the_whole_project_is_looked_through() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked()}
    assert {"README.md", "uv.lock", "src/ccstream/errors.py", "tests/conftest.py"} <= names


def test_the_patterns_find_what_they_are_for() -> None:
    for path in ("/root/.m2/x", "'/home/alice/x", "/Users/bob/x", "/work/main"):
        assert MACHINE_PATH.search(path)
    for host in ("https://nexus.example.com/pypi", "http://10.0.0.7:8081", "http://ci.internal/x"):
        assert PRIVATE_HOST.search(host)
    for harmless in ("framework/main", "https://pypi.org/simple", "http://127.0.0.1:9090"):
        assert not MACHINE_PATH.search(harmless)
        assert not PRIVATE_HOST.search(harmless)


def test_the_lock_names_only_the_public_index(root: Path) -> None:
    lock = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))
    files = [
        file["url"]
        for package in lock["package"]
        for file in [
            *package.get("wheels", []),
            *([package["sdist"]] if "sdist" in package else []),
        ]
        if "url" in file
    ]
    indexes = [package["source"].get("registry", "") for package in lock["package"]]
    hosts = {"/".join(url.split("/")[:3]) for url in [*files, *indexes] if url}
    assert hosts == PUBLIC_INDEX
