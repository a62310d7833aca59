"""Memory and latency over time as one small SVG, drawn by hand: no library for two pictures."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from benchmarks.load.record import LASTING, Record
from benchmarks.load.report import is_page, percentile

WIDTH, HEIGHT, LEFT, TOP = 760, 220, 56, 26
STEP = 10.0  # seconds of one point of the latency
COLOURS = ("#4c6ef5", "#20a779", "#e8952e", "#a45ee0", "#d9488f", "#2a9fc4", "#8c9a2f")


def draw(record: Record) -> str:
    """Two charts below each other."""
    memory = {
        role: [(s.at, s.rss[role]) for s in record.samples if role in s.rss] for role in LASTING
    }
    lines: dict[str, Callable[[str], bool]] = {
        "pages": is_page,
        "predictions": "prediction".__eq__,
    }
    latency = {}
    for label, belongs in lines.items():
        points = [p for name, rows in record.taken.items() if belongs(name) for p in rows]
        for share in (0.5, 0.95):
            latency[f"{label} p{share * 100:.0f}"] = _steps(points, share)
    end = max(record.seconds, 1.0)
    parts = [
        _chart("memory, MiB", memory, end, 0),
        _chart("latency, ms", latency, end, HEIGHT + 60),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 190} {2 * HEIGHT + 130}" '
        f'font-family="sans-serif" font-size="11">{"".join(parts)}</svg>\n'
    )


def _steps(points: list[tuple[float, float]], share: float) -> list[tuple[float, float]]:
    groups: dict[int, list[float]] = {}
    for at, value in points:
        groups.setdefault(int(at / STEP), []).append(value)
    return [
        (STEP * (number + 0.5), 1e3 * percentile(values, share))
        for number, values in sorted(groups.items())
    ]


def _chart(title: str, lines: dict[str, list[tuple[float, float]]], end: float, down: int) -> str:
    top = max((value for line in lines.values() for _at, value in line), default=1.0) or 1.0
    height = down + TOP

    def place(at: float, value: float) -> str:
        x = LEFT + at / end * (WIDTH - LEFT)
        return f"{x:.1f},{height + HEIGHT * (1 - value / top):.1f}"

    drawn = [f'<text x="0" y="{down + 12}" font-weight="bold">{escape(title)}</text>']
    for part in (0, 0.5, 1):
        x, y = place(0, part * top).split(",")
        drawn.append(f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{part * top:,.0f}</text>')
        drawn.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH}" y2="{y}" stroke="#ddd"/>')
        drawn.append(
            f'<text x="{LEFT + part * (WIDTH - LEFT):.0f}" y="{height + HEIGHT + 16}" '
            f'text-anchor="middle">{part * end:.0f} s</text>'
        )
    for number, (name, line) in enumerate(lines.items()):
        if not line:
            continue
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(place(at, value) for at, value in line)
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        drawn.append(
            f'<text x="{WIDTH + 10}" y="{height + 14 + 16 * number}" fill="{colour}">'
            f"{escape(name)}: {line[-1][1]:,.0f}</text>"
        )
    return "".join(drawn)
