"""Makes docs/digits.svg, the picture in the README, from a real run of the README's command.

Run it from the repository's root, in an environment with the project installed:
python docs/picture.py
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
HEADS = re.compile(r"^(Best|Experiment|Result)\b.*$", re.MULTILINE)


def readme_command() -> list[str]:
    """The words of the README's nni-run command."""
    match = re.search(r"\.venv/bin/(nni-run .*)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert match is not None
    return shlex.split(match.group(1))


def main() -> None:
    """Runs the command with a fixed seed and draws what it printed."""
    words = readme_command()
    shown = " ".join(words)
    start = "from nni_runner.entry import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--seed", "1", "--experiments-dir", folder]
        done = subprocess.run(
            [sys.executable, "-c", start, *words[1:], *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        output = done.stdout.replace(folder, "~/nni-experiments")
    width = max(len(line) for line in [f"$ {shown}", *output.splitlines()]) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {shown}", style="bold cyan"))
    text = Text(output.rstrip())
    text.highlight_regex(HEADS, "bold green")
    console.print(text)
    svg = console.export_svg(title="nni-run", theme=MONOKAI)
    # Fonts from somewhere else would make a reader's browser ask for them.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
    (ROOT / "docs" / "digits.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
