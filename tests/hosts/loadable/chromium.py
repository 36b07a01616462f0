"""Debian's Chromium without a window: a page's document after its scripts, or a picture of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PROGRAM = shutil.which("chromium")

_OPTIONS = (
    *("--headless", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"),
    # Tests run as root in a container, and open nothing but pages of this machine.
    *("--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    *("--disable-background-networking", "--disable-component-update", "--no-proxy-server"),
    *("--hide-scrollbars", "--virtual-time-budget=5000"),
)


def document(url: str, profile: Path) -> str:
    """What the page's document has become."""
    return _run(profile, "--dump-dom", url)


def picture(url: str, profile: Path, file: Path, width: int, height: int) -> None:
    """Write what the page looks like to a PNG file."""
    _run(profile, f"--window-size={width},{height}", f"--screenshot={file}", url)


def _run(profile: Path, *arguments: str) -> str:
    assert PROGRAM is not None
    command = [PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", *arguments]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return ran.stdout
