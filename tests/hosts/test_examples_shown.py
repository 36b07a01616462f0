"""``dovtab --examples`` finds the examples, wherever dovtab was installed, and shows each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dovtab.errors import SettingsError
from dovtab.hosts import command, examples
from dovtab.hosts.status import CANNOT_START

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_all_are_listed_after_their_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--examples"]) == 0
    folder, *lines = capsys.readouterr().out.splitlines()
    names = {file.name for file in Path(folder).iterdir() if file.is_file()}
    assert names == {file.name for file in EXAMPLES.iterdir() if file.is_file()}
    assert [line.split()[0] for line in lines] == sorted(names)
    for line in lines:
        says = line.split(maxsplit=1)[1]
        assert says[0].isupper()
        assert len(line) < 120
        assert not says.endswith((":", ";"))


def test_who_reads_the_folder_and_leaves_breaks_nothing() -> None:
    """As in ``dovtab --examples | head -1``, with a Python that writes at once."""
    done = subprocess.run(
        f"{sys.executable} -u -m dovtab --examples | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.stdout, done.stderr, done.returncode) == (f"{EXAMPLES}/\n", "", 0)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.*")), ids=lambda file: file.name)
def test_one_is_shown_as_it_is(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--examples", file.name]) == 0
    assert capsys.readouterr().out == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["runing_now.sql"], "no example 'runing_now.sql'; did you mean running_now.sql?"),
        (["../setup.py"], "there is no example '../setup.py'; dovtab --examples lists them"),
        (["a", "b"], "--examples takes the name of one, or none"),
    ],
)
def test_what_is_no_example_is_refused(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--examples", *args]) == CANNOT_START
    assert message in capsys.readouterr().err


def test_it_goes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["-box", "--examples"]) == CANNOT_START
    assert capsys.readouterr().err == "Error: --examples [NAME] goes alone\n"


def test_those_within_the_package_go_before_those_beside_it(tmp_path: Path) -> None:
    """Beside an installed package may be an examples/ of somebody else's."""
    within, beside = tmp_path / "dovtab" / "examples", tmp_path / "examples"
    beside.mkdir()
    (beside / "two.sql").write_text("-- Two.\n")
    assert examples.shown(None, (within, beside)) == f"{beside}/\n  two.sql  Two."
    within.mkdir(parents=True)
    (within / "one.sql").write_text("-- One.\n")
    (within / "__pycache__").mkdir()
    assert examples.shown(None, (within, beside)) == f"{within}/\n  one.sql  One."
    with pytest.raises(SettingsError, match="were not installed"):
        examples.shown(None, ())
