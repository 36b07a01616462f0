"""Each statement acts once, and none for another: the extension can tell which is calling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from acting_cases import CASES, Case
from building import build_extension, build_program, needs_gcc
from scripted import play, quick_account

from dovtab.simulator import Simulator

pytestmark = needs_gcc
Built = tuple[Path, Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("calling")
    return build_program(folder, "script"), build_extension(folder)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with quick_account() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_left_running() -> None:
    """The simulator runs on."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_script_starts_so_many_actions(
    case: Case, built: Built, simulator: Simulator
) -> None:
    actions, errors = play(case, built, simulator)
    assert (actions, len(errors)) == (case.actions, len(case.errors)), errors
    for error, piece in zip(errors, case.errors, strict=True):
        assert piece in error
