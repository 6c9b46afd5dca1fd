"""A flame graph as a small, still SVG: wide is long, what is above is called by what is below."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

__all__ = ["draw"]

WIDTH, ROW, MARGIN = 1200, 16, 8
TITLE_HEIGHT = 44
SHARE_LEAST = 0.0015
"""Of the whole width, under two pixels: narrower frames are left out."""
CHARACTER = 6.2
"""Pixels of a letter, about."""

COLOURS = (
    ("ccstream/domain", "#7fb77e", "domain"),
    ("ccstream/wire", "#f2c14e", "wire"),
    ("ccstream/engine", "#e8825a", "engine"),
    ("ccstream", "#d9a679", "other ccstream"),
    ("", "#9fb4c7", "libraries, Python, system"),
)
"""By what a frame's name holds; the first that fits."""

Stack = tuple[str, ...]


class _Frame:
    def __init__(self) -> None:
        self.samples = 0
        self.callees: dict[str, _Frame] = {}


def draw(stacks: Mapping[Stack, int], title: str) -> str:
    """The picture of stacks, outermost frame first, with how often each was seen."""
    root = _Frame()
    for stack, samples in stacks.items():
        root.samples += samples
        frame = root
        for name in stack:
            frame = frame.callees.setdefault(name, _Frame())
            frame.samples += samples
    least = root.samples * SHARE_LEAST
    depth = _depth(root, least)
    height = TITLE_HEIGHT + depth * ROW + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="18" font-size="14">{escape(title)}</text>',
        *_legend(),
    ]
    scale = (WIDTH - 2 * MARGIN) / max(1, root.samples)
    _place(parts, root, MARGIN, height - MARGIN - ROW, scale, least, root.samples)
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    parts, x = [], float(MARGIN)
    for _, colour, words in COLOURS:
        parts.append(f'<rect x="{x:.0f}" y="26" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14:.0f}" y="35">{words}</text>')
        x += 30 + len(words) * CHARACTER
    return parts


def _depth(frame: _Frame, least: float) -> int:
    return max(
        (1 + _depth(one, least) for one in frame.callees.values() if one.samples >= least),
        default=0,
    )


def _place(
    parts: list[str], frame: _Frame, x: float, y: int, scale: float, least: float, whole: int
) -> None:
    for name, one in sorted(frame.callees.items()):
        width = one.samples * scale
        if one.samples >= least:
            colour = next(colour for mark, colour, _ in COLOURS if mark in name)
            label = name.partition(" (")[0]
            room = int((width - 4) / CHARACTER)
            parts.append(
                f"<g><title>{escape(name)}: {one.samples / whole:.1%}</title>"
                f'<rect x="{x:.1f}" y="{y}" width="{max(0.5, width - 0.5):.1f}" '
                f'height="{ROW - 1}" fill="{colour}"/>'
                + (
                    f'<text x="{x + 2:.1f}" y="{y + 11}">'
                    f"{escape(label if len(label) <= room else label[: room - 1] + '…')}</text>"
                    if room > 2
                    else ""
                )
                + "</g>"
            )
            _place(parts, one, x, y - ROW, scale, least, whole)
        x += width
