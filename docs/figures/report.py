"""Take the picture of a report for README.md: `python docs/figures/report.py [FILE]`, with chromium installed."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from spectra_eval_cli.main import main

COMMANDS = (
    "prepare synthetic -o table.parquet -O users=400 -O noise=0.4 -O list-length=3 --split 0.3 --seed 7",
    "report table.parquet -o report.html --title 'A model evaluated on 400 simulated users'",
)
BROWSER = (
    "chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,900 --screenshot=page.png"
)


def picture(path: Path) -> None:
    """Run the commands in an empty folder and write the top of the page as PNG with 64 colours."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for command in COMMANDS:
            CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
        page = Path("report.html").resolve().as_uri()
        subprocess.run([*shlex.split(BROWSER), page], check=True, capture_output=True, timeout=120)
        with Image.open("page.png") as image:
            image.convert("RGB").quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    picture(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"))
