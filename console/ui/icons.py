"""Names of the icons that the console may draw.

Every line of icons.txt is a file of Tabler Icons (`icons/outline/<name>.svg`). `python -m
console.ui.vendor` collects exactly these into one sprite, so a page costs one cached request for
all its icons. To use a new icon: add its name there, run the command, commit sprite and lock.
"""

from pathlib import Path

FALLBACK = "square-rounded"

ICONS: frozenset[str] = frozenset(
    Path(__file__).with_name("icons.txt").read_text(encoding="ascii").split()
)
