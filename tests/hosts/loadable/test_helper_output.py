"""What the helper process prints, which is shown as the reason when it is lost: nothing."""

from __future__ import annotations

from pathlib import Path

from building import build_extension, build_program, helpers_of, needs_gcc
from scripted import quick_account, scripted, settings

from dovtab.simulator import Fault

pytestmark = needs_gcc


def test_what_is_logged_of_requests_is_not_printed_there(tmp_path: Path) -> None:
    extension = build_extension(tmp_path)
    program = build_program(tmp_path, "script")
    with quick_account() as account:
        account.fault(Fault(kind="status", status=503, method="GET"))
        account.fault(Fault(kind="lost_after_effect", method="POST"))
        with scripted(program, extension, settings(account)) as script:
            id = min(account.account.droplets)
            script.run(f"SELECT count(*) FROM droplet_actions({id})")
            assert (
                len(script.run(f"SELECT droplet_actions_post({id}, 'enable_ipv6') ->> 'id'"))
                == 1
            )
            helpers = list(helpers_of(extension))
            assert helpers
            for helper in helpers:
                for descriptor in (1, 2):
                    assert Path(f"/proc/{helper}/fd/{descriptor}").read_bytes() == b""
    assert {request.method for request in account.requests} == {"GET", "POST"}
