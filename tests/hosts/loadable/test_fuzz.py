"""The extension believes nothing that its helper says: an impostor's frames do it no harm.

It is built with the address and undefined-behaviour sanitizers, and asked for everything
while an impostor answers; ``DOVTAB_FUZZ_SEEDS=1000`` asks a thousand impostors.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fuzz
import pytest
from building import (
    SANITIZERS,
    build_extension,
    build_program,
    environment,
    executable,
    lacking,
)

from thoroughness import examples

SEEDS = int(os.environ.get("DOVTAB_FUZZ_SEEDS", examples(60)))
# Leaks are looked for at the end; it may take a large number for a length.
SANITIZER = {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:abort_on_error=0"}

WHOLE = (
    "SELECT * FROM droplet_actions",
    "SELECT * FROM droplet_actions WHERE droplet_id = 3",
    "SELECT id FROM droplet_actions WHERE droplet_id IN (1, 2, 3) ORDER BY id DESC",
    "SELECT id FROM droplet_actions WHERE droplet_id IN (SELECT value FROM json_each('[1,2]'))",
    "SELECT count(*), max(type) FROM droplet_actions WHERE droplet_id > 1 LIMIT 2 OFFSET 1",
    "SELECT * FROM json_each('[1,2,3]') JOIN droplet_actions ON droplet_id = value",
    "SELECT * FROM droplet_actions AS a LEFT JOIN droplet_actions AS b USING (droplet_id)",
    "SELECT droplet_actions_post(1, 'reboot')",
    "SELECT droplet_actions_post(value, 'reboot', x'00ff', 1.5, NULL) FROM json_each('[1,2,3]')",
    "SELECT droplet_actions_wait(1, 2)",
    "SELECT run('SELECT type FROM droplet_actions WHERE droplet_id = 1') FROM droplet_actions",
    "SELECT run('INSERT INTO droplet_actions(droplet_id, type) VALUES (1, ''reboot'')')",
    "SELECT * FROM dovtab_log",
    "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')",
    "INSERT OR IGNORE INTO droplet_actions(droplet_id, type) SELECT value, 'x' FROM json_each('[1,2]')",
    "INSERT INTO droplet_actions(droplet_id, type) SELECT droplet_id, type FROM droplet_actions",
    "INSERT INTO droplet_actions(type) SELECT abs(value << 63) FROM json_each('[2,1]')",
    "INSERT INTO droplet_actions(droplet_id, type) SELECT 1, 'x' WHERE run('ROLLBACK') IS NOT 0",
    "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot') RETURNING id",
    "UPDATE droplet_actions SET type = 'x'",
    "DELETE FROM droplet_actions WHERE droplet_id = 1",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "CREATE VIRTUAL TABLE temp.other USING droplet_actions(context=a)",
    "INSERT INTO temp.other(droplet_id, type) VALUES (2, 'reboot')",
    "SELECT * FROM temp.other",
    "DROP TABLE temp.other",
    "EXPLAIN SELECT droplet_actions_post(1, 'reboot') FROM droplet_actions",
    "CREATE TEMP TABLE t(a); INSERT INTO t VALUES (1)",
)


def script(seed: int) -> str:
    """What the program does: two connections, half-read statements, and a load once more."""
    chance = random.Random(seed)
    lines = ["o 0 :memory:", "o 1 :memory:", "l 0", "l 1"]
    for _ in range(chance.randint(30, 60)):
        n, sql = chance.randrange(2), chance.choice(WHOLE)
        half = (f"p {n} {sql}", f"s {n}", f"s {n}", f"x {n} {chance.choice(WHOLE)}", f"f {n}")
        lines += half if chance.random() < 0.15 else (f"x {n} {sql}",)
    # The transaction may be open still.
    lines += ["l 0"] + ["x 0 ROLLBACK"] * chance.randrange(2)
    return "\n".join([*lines, "c 0", "c 1", "w over", ""])


@pytest.mark.skipif(bool(lacking(*SANITIZERS)), reason=lacking(*SANITIZERS))
def test_whatever_its_helper_says_the_program_goes_on(tmp_path: Path) -> None:
    quick = ("-DDOVTAB_SILENCE_SECONDS=2", "-DDOVTAB_GRACE_SECONDS=1")
    extension = build_extension(tmp_path, *SANITIZERS, *quick)
    program = build_program(tmp_path, "script", *SANITIZERS)

    def fault(seed: int) -> str | None:
        impostor = executable(
            tmp_path / f"impostor{seed}",
            f"#!/bin/sh\nexec {sys.executable} -I -S {fuzz.__file__} {seed}\n",
        )
        done = subprocess.run(
            [program, extension],
            input=script(seed),
            env=environment(DOVTAB_PYTHON=str(impostor), **SANITIZER),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        went_on = done.returncode == 0 and done.stdout.endswith("ok\nok\nover\n")
        end = f"{done.stdout[-300:]}{done.stderr[:1500]}"
        return None if went_on else f"seed {seed}: {done.returncode}\n{end}"

    with ThreadPoolExecutor(2) as pool:
        faults = [fault for fault in pool.map(fault, range(SEEDS)) if fault is not None]
    assert not faults, "\n".join(faults[:3])
