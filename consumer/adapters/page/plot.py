"""Outcomes a minute as bars, in SVG."""

from collections.abc import Mapping, Sequence

KINDS: Mapping[str, str] = {
    "accepted": "good",
    "unknown": "bad",
    "rejected": "warn",
    "suppressed": "warn",
    "rate-limited": "warn",
    "expired": "warn",
    "unresolvable": "warn",
}
"""How an outcome is coloured; everything else is `other`."""

ORDER = ("good", "other", "warn", "bad")
WIDTH, HEIGHT, STEP = 720, 96, 12


def bars(minutes: Sequence[Mapping[str, int]]) -> str:
    """A bar for each minute, the newest at the right; as high as the picture at the busiest one."""
    top = max((sum(minute.values()) for minute in minutes), default=0)
    if not top:
        return ""
    left = WIDTH - STEP * len(minutes)
    pieces = "".join(_bar(left + STEP * place, minute, top) for place, minute in enumerate(minutes))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 16}" role="img" aria-label="outcomes a minute, {top} at most">'
        f'<line x1="0" y1="{HEIGHT}.5" x2="{WIDTH}" y2="{HEIGHT}.5"/>{pieces}'
        f'<text x="0" y="{HEIGHT + 13}">an hour ago</text><text x="{WIDTH}" y="{HEIGHT + 13}" class="end">now</text>'
        f'<text x="0" y="10">{top:,} a minute</text></svg>'
    )


def _bar(left: int, minute: Mapping[str, int], top: int) -> str:
    heights: dict[str, float] = dict.fromkeys(ORDER, 0.0)
    for kind, number in minute.items():
        heights[KINDS.get(kind, "other")] += number * HEIGHT / top
    pieces: list[str] = []
    below = float(HEIGHT)
    for colour, height in heights.items():
        if height:
            below -= height
            pieces.append(
                f'<rect class="{colour}" x="{left + 1}" y="{below:.1f}" width="{STEP - 2}" height="{height:.1f}"/>'
            )
    return "".join(pieces)
