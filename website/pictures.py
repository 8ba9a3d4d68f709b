"""Pictures as SVG text: the way of a chunk from docs/path.md, and terminals from commands that are run."""

import re
import subprocess
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
FILE = re.compile(r"^\d+\. `(kwsd/[\w/]+\.py)`: ((?:.|\n   )+)", re.MULTILINE)
SPINE = re.compile(r"^- `(kwsd/[\w/]+\.py)`", re.MULTILINE)
THREADS = {"capture": 3, "decode": 16, "events": 18}
"""Thread → number of the last file on the way that it runs."""
COLOURS = ("#c2571a", "#2a6fb0", "#3c8a4a")
ROW, LINE, LETTER = 30, 19, 8.5
PAGE = "text{font:14px system-ui,sans-serif;fill:#222}.f{font-family:ui-monospace,monospace}.s{font-weight:bold}"
DARK = "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
TERMINAL = "text{font:14px ui-monospace,monospace;fill:#ddd;white-space:pre}.p{fill:#7ec699}"
COMMANDS = {"hears": "kwsd --keywords keywords/demo.txt --input models/demo.wav"}
"""Name of the picture → what is typed in it."""


def svg(width: float, height: float, style: str, shapes: list[str]) -> str:
    """A picture of that many pixels."""
    box = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    inside = "\n".join(shapes)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>\n<style>{style}</style>\n{inside}\n</svg>\n'


def way() -> str:
    """A line for each file that a chunk passes, its thread beside it, those of the spine bold."""
    page = (ROOT / "docs" / "path.md").read_text(encoding="utf-8")
    spine = set(SPINE.findall(page.partition("## The way")[0]))
    shapes, first = [], 0
    files = FILE.findall(page)
    for (thread, last), colour in zip(THREADS.items(), COLOURS, strict=True):
        top, middle = 10 + first * ROW, 10 + (first + last) * ROW / 2
        shapes.append(f'<rect x="60" y="{top}" width="6" height="{(last - first) * ROW - 6}" rx="3" fill="{colour}"/>')
        turned = f'transform="rotate(-90 40 {middle:.0f})" text-anchor="middle"'
        shapes.append(f'<text x="40" y="{middle:.0f}" {turned}>{thread}</text>')
        first = last
    for number, (file, what) in enumerate(files):
        y = 28 + number * ROW
        kind = "f s" if file in spine else "f"
        said = re.split(r"[:;,.] |\.$", " ".join(what.split()))[0].replace("`", "")
        shapes.append(f'<text x="80" y="{y}">{number + 1}</text><text x="108" y="{y}" class="{kind}">{file}</text>')
        shapes.append(f'<text x="400" y="{y}">{escape(said)}</text>')
    return svg(1000, 20 + len(files) * ROW, PAGE + DARK, shapes)


def terminal(typed: str) -> str:
    """A terminal in which a command of kwsd has been typed, and what it said."""
    program, *arguments = typed.split()
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - one of COMMANDS
    told = done.stdout.rstrip("\n").split("\n")
    lines = [f'<tspan class="p">$</tspan> {escape(typed)}', *map(escape, told)]
    width = 30 + LETTER * max(len(line) for line in [f"$ {typed}", *told])
    height = 24 + LINE * len(lines)
    shapes = [f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#1e2227"/>']
    shapes += [f'<text x="15" y="{26 + LINE * number}">{line}</text>' for number, line in enumerate(lines)]
    return svg(width, height, TERMINAL, shapes)


def pictures() -> dict[Path, str]:
    """Where each lies, and what is in it now."""
    own = {PICTURES / f"{name}.svg": terminal(typed) for name, typed in COMMANDS.items()}
    return {PICTURES / "way.svg": way(), **own}
