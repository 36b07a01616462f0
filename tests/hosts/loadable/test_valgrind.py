"""The extension reads and frees its memory right, whatever happens to it: valgrind says so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from building import build_extension, build_program, environment, helpers_of, lacking

from dovtab.simulator import Simulator

VALGRIND = (
    *("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full"),
    *("--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"),
)
reason = lacking() or ("" if shutil.which("valgrind") else "valgrind is not there")

BEFORE = """o 0 :memory:
o 1 :memory:
l 0
l 1
l 0
x 0 SELECT count(*) FROM droplet_actions WHERE droplet_id IN (SELECT DISTINCT droplet_id FROM droplet_actions)
x 0 SELECT a.type FROM json_each('[3164444, 1]') LEFT JOIN droplet_actions AS a ON droplet_id = value LIMIT 3
x 0 SELECT droplet_actions_post(droplet_id, 'enable_ipv6') FROM droplet_actions LIMIT 2
x 0 SELECT droplet_actions_post(1)
x 0 SELECT droplet_actions_post(1, x'00', 1.5, NULL, zeroblob(100000))
x 0 SELECT * FROM droplet_actions WHERE droplet_id = 'x'
x 0 BEGIN
x 0 INSERT INTO droplet_actions(droplet_id, type) SELECT droplet_id, 'enable_ipv6' FROM droplet_actions LIMIT 3
x 0 SAVEPOINT s
x 0 INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'nothing')
x 0 ROLLBACK TO s
x 0 SELECT count(*) FROM dovtab_plan
x 0 ROLLBACK
x 0 CREATE VIRTUAL TABLE temp.other USING droplet_actions
x 0 CREATE VIRTUAL TABLE temp.wrong USING droplet_actions(nonsense)
x 0 SELECT count(*) FROM temp.other
x 0 DROP TABLE temp.other
x 0 UPDATE droplet_actions SET type = 'x'
x 0 SELECT run('SELECT max(id) FROM droplet_actions') FROM droplet_actions LIMIT 2
x 1 SELECT count(*) FROM dovtab_requests
x 0 BEGIN
x 0 INSERT INTO droplet_actions(droplet_id, type) SELECT droplet_id, 'enable_ipv6' FROM droplet_actions LIMIT 1
p 0 SELECT * FROM droplet_actions
s 0
w now
"""
# More steps than a page has rows.
AFTER = (
    "s 0\n" * 201
    + """x 0 SELECT count(*) FROM droplet_actions
x 0 COMMIT
f 0
x 0 SELECT count(*) FROM droplet_actions
x 1 SELECT count(*) FROM droplet_actions
x 1 BEGIN
x 1 INSERT INTO droplet_actions(droplet_id, type) SELECT droplet_id, 'enable_ipv6' FROM droplet_actions LIMIT 3
c 0
c 1
w over
"""
)


@pytest.mark.skipif(bool(reason), reason=reason)
def test_no_byte_is_read_that_is_not_ours_and_none_is_lost(
    tmp_path: Path, simulator: Simulator
) -> None:
    """Loads, queries of all kinds, errors, a helper that is killed in the midst, the end."""
    simulator.account.populate(droplets=20, actions=20)
    extension = build_extension(tmp_path)
    program = build_program(tmp_path, "script")
    with subprocess.Popen(
        [*VALGRIND, program, extension],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(
            DIGITALOCEAN_API_URL=simulator.url,
            DIGITALOCEAN_TOKEN=simulator.token,
            DOVTAB_ALLOW_ACTIONS="1",
            DOVTAB_MAX_ACTIONS="0",
        ),
    ) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write(BEFORE)
        running.stdin.flush()
        said = list(iter(running.stdout.readline, "now\n"))
        for helper in helpers_of(extension):
            os.kill(helper, signal.SIGKILL)
        rest, errors = running.communicate(AFTER, timeout=50)
    assert (running.returncode, errors) == (0, "")
    refused = [line for line in said if line.startswith("error")]
    assert [error.split()[2] for error in refused] == ["it", "it", "type", "USING", "what"]
    assert "error 1 dovtab: its helper has ended\n" in rest
    assert rest.endswith(
        "row 402\nok\nerror 1 dovtab: its helper ended, and was started anew, and what this"
        " transaction asked for is lost: nothing of it was sent\n"
        "row 402\nok\nrow 402\nok\nok\nok\nok\nok\nover\n"
    )
    assert sum(request.method == "POST" for request in simulator.requests) == 2
