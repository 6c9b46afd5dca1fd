"""The picture of where time goes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from benchmarks.flame import draw

SVG = "{http://www.w3.org/2000/svg}"


def frames(picture: str) -> dict[str, tuple[float, float]]:
    """Left edge and width of each frame by its name."""
    found = {}
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        name = re.sub(r": [\d.]+%$", "", title.text or "")
        found[name] = float(rect.attrib["x"]), float(rect.attrib["width"])
    return found


def test_a_frame_is_as_wide_as_its_share_and_lies_over_its_caller() -> None:
    drawn = frames(draw({("a",): 10, ("a", "b<c>"): 30, ("d",): 60}, "title"))
    assert set(drawn) == {"a", "b<c>", "d"}
    assert abs(drawn["a"][1] / drawn["d"][1] - 40 / 60) < 0.01
    assert drawn["b<c>"][0] >= drawn["a"][0]
    assert sum(drawn["b<c>"]) <= sum(drawn["a"]) + 0.1


def test_what_is_too_narrow_to_be_seen_is_left_out() -> None:
    assert set(frames(draw({("wide",): 9_999, ("narrow",): 1}, "title"))) == {"wide"}
