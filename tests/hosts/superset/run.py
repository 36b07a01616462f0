"""``python tests/hosts/superset/run.py``: Apache Superset over ``dovtab:///inventory.db``.

Installs both in a folder of its own, starts a simulated account and Superset's web server,
and does by its REST API what somebody does by its pages (superset_visit.py). It prints how
many requests each step took, and ends with status 1 if anything is not as it should be.

It takes minutes and 600 MB, so neither pytest nor .ci/run runs it. DOVTAB_SUPERSET may name
a virtual environment that has Superset and this dovtab: then nothing is installed.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from superset_visit import Visit

from dovtab.simulator import Simulator, inventory

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Superset 6.1.0 imports the first two without asking for them, and does not start with a
# later one of the third.
PACKAGES = ("apache-superset==6.1.0", "rich", "cachetools", "flask-caching<2.4")
CONFIG = """
import os
SECRET_KEY = os.environ["SECRET_OF_THIS_RUN"]
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.environ["SUPERSET_HOME"] + "/superset.db"
# Its pages send a token that proves them its own; what asks here is no page.
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
"""
ADMIN = "--username admin --firstname A --lastname D --email a@example.com --password {}"
PREPARATIONS = ("db upgrade", f"fab create-admin {ADMIN}", "init")
# Seconds, on a slow machine.
INSTALL, PREPARE, START, STOP = 1800.0, 600.0, 300.0, 20.0


def main() -> int:
    """Do all of it; the exit status is the number of things that are wrong, at most 1."""
    given = os.getenv("DOVTAB_SUPERSET")
    venv = Path(given).absolute() if given else None
    # A folder without a dovtab of its own: what was installed is what is to be imported.
    with TemporaryDirectory() as name, chdir(name), Simulator() as simulator:
        folder = Path(name)
        python = (venv or _installed(folder / "venv")) / "bin" / "python"
        simulator.account.populate(droplets=10, actions=8)
        database = folder / "inventory.db"
        _make_inventory(database, simulator)
        password = secrets.token_urlsafe()
        environment = _environment(folder, simulator)
        told("time grains")
        _run([python, HERE / "superset_grains.py"], environment, PREPARE)
        for command in PREPARATIONS:
            told(command.partition(" --")[0])
            words = command.format(password).split()
            _run([python.parent / "superset", *words], environment, PREPARE)
        with _server(python, environment, folder / "server.log") as url:
            told(f"serves {url}")
            with Visit(url, simulator, f"dovtab:///{database}?max_requests=50") as visit:
                visit.log_in("admin", password)
                visit.everything()
    print(f"{len(visit.wrong)} things are wrong" if visit.wrong else "all as it should be")
    return 1 if visit.wrong else 0


def told(what: str) -> None:
    """Say what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def _installed(venv: Path) -> Path:
    """A virtual environment with both."""
    told("installs Apache Superset and dovtab")
    environment = dict(os.environ)
    _run([sys.executable, "-m", "venv", venv], environment, INSTALL)
    python = venv / "bin" / "python"
    # pip alone takes many minutes to find out which of 150 packages go together.
    _run([python, "-m", "pip", "install", "-q", "uv"], environment, INSTALL)
    install = [python, "-m", "uv", "pip", "install", "-q", "--python", python]
    _run([*install, *PACKAGES, ROOT], environment, INSTALL)
    return venv


def _make_inventory(path: Path, simulator: Simulator) -> None:
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE inventory("
            "droplet_id INTEGER PRIMARY KEY, name TEXT, team TEXT, bought_at DATETIME)"
        )
        # As SQLAlchemy, Python and SQLite itself write such times.
        db.executemany(
            "INSERT INTO inventory"
            " VALUES (?, ?, ?, datetime('2026-01-10', '+' || (? % 10 * 3) || ' hours'))",
            [(id, name, team, id) for id, name, team in inventory(simulator.account)],
        )
    db.close()


def _environment(folder: Path, simulator: Simulator) -> dict[str, str]:
    config = folder / "superset_config.py"
    config.write_text(CONFIG, encoding="utf-8")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGITALOCEAN_", "DOVTAB_", "SUPERSET_", "FLASK_"))
    }
    return kept | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(config),
        "SECRET_OF_THIS_RUN": secrets.token_urlsafe(),
        "FLASK_APP": "superset.app:create_app()",
        "DIGITALOCEAN_API_URL": simulator.url,
        "DIGITALOCEAN_TOKEN": simulator.token,
        # What a step asks for is counted, and not what was asked for just before it.
        "DOVTAB_CACHE_SECONDS": "0",
    }


def _run(command: list[str | Path], environment: dict[str, str], seconds: float) -> None:
    """Run it to its end, and show what it said if that is not a good one."""
    with _started(command, environment, subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=seconds)
    if process.returncode:
        print(said)
        raise SystemExit(f"{command[0]}: status {process.returncode}")


@contextmanager
def _server(python: Path, environment: dict[str, str], log: Path) -> Iterator[str]:
    """Superset's web server, by its URL."""
    words = "-m gunicorn --bind 127.0.0.1:0 --worker-class gthread --threads 4 --timeout 120"
    command = [python, *words.split(), environment["FLASK_APP"]]
    with log.open("wb") as output, _started(command, environment, output.fileno()) as process:
        deadline = time.monotonic() + START
        while not (found := re.search(r"Listening at: (http\S+)", log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.2)
        yield found[1]


@contextmanager
def _started(
    command: list[str | Path], environment: dict[str, str], output: int
) -> Iterator[subprocess.Popen[str]]:
    """A process that ends, with all its children, when the block does."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP)
        # Whatever is left of it and of its children.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    # So that a run that is ended from outside ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise SystemExit(main())
