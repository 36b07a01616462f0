"""What is uploaded: an sdist that is the tree, and a wheel that has the examples and a page.

Both are made as a frontend makes them, the wheel from the unpacked sdist.
"""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from dovtab.version import VERSION
from links import ROOT, anchors, dead_links, is_relative, links, package_page

FOLDERS = ("dovtab", "examples", "tests", ".ci", ".github")
FILES = ("setup.py", "MANIFEST.in", "LICENSE", "README.md", "CHANGELOG.md", ".gitignore")
FILES += (".mypy.ini", ".ruff.toml")
# What is made of the tree, and is no part of it.
MADE = ("__pycache__", "*.py[co]", ".*_cache", ".hypothesis", "dovtab.so", "dovtab.dylib")
MADE += ("dovtab.python",)


@dataclass(frozen=True)
class Release:
    tree: Path
    sdist: Path
    wheel: zipfile.ZipFile

    @property
    def metadata(self) -> Message:
        name = f"dovtab-{VERSION}.dist-info/METADATA"
        return email.message_from_string(self.wheel.read(name).decode())

    @property
    def home(self) -> str:
        return self.metadata["Home-page"]


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def make(what: str, tree: Path, folder: Path) -> Path:
    """The one file that setup.py has made."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", what, "-d", str(folder)],
        cwd=tree,
        # The extension has tests of its own, and takes the longest.
        env=os.environ | {"CC": "false"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    work = tmp_path_factory.mktemp("release")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, work / "tree" / name, ignore=shutil.ignore_patterns(*MADE))
    for name in FILES:
        shutil.copy(ROOT / name, work / "tree" / name)
    shutil.copytree(work / "tree", work / "copy")
    packed = make("sdist", work / "copy", work / "sdist")
    subprocess.run(["tar", "-xzf", packed, "-C", work], check=True)
    unpacked = work / f"dovtab-{VERSION}"
    shutil.copytree(unpacked, work / "unpacked")
    wheel = zipfile.ZipFile(make("bdist_wheel", work / "unpacked", work / "wheel"))
    with wheel:
        yield Release(work / "tree", unpacked, wheel)


# Where tests are dealt out in groups, it is made once.
pytestmark = pytest.mark.xdist_group("release")


def test_the_sdist_is_the_tree(release: Release) -> None:
    """So its tests run, and every link leads somewhere there, too."""
    made = {
        f for f in files(release.sdist) if ".egg-info/" in f or f in ("PKG-INFO", "setup.cfg")
    }
    assert files(release.sdist) - made == files(release.tree)
    documents = [name for name in files(release.sdist) if name.endswith(".md")]
    assert {"README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md"} <= set(documents)
    for file in (release.sdist / name for name in documents):
        assert list(dead_links(file.read_text(encoding="utf-8"), file.parent)) == []
    assert os.access(release.sdist / ".ci" / "run", os.X_OK)


def test_the_wheel_is_the_package_with_the_examples(release: Release) -> None:
    inside = {n for n in release.wheel.namelist() if not n.startswith("dovtab-")}
    package = {
        n for n in files(release.tree) if n.startswith("dovtab/") and n[-2:] not in (".c", ".h")
    }
    examples = {f"dovtab/{n}" for n in files(release.tree) if n.startswith("examples/")}
    assert inside == package | examples
    for name in examples:
        there = release.tree / name.removeprefix("dovtab/")
        assert release.wheel.read(name) == there.read_bytes()


def test_the_page_of_the_package_is_the_readme_with_links_to_this_version(
    release: Release,
) -> None:
    readme = (release.sdist / "README.md").read_text(encoding="utf-8")
    described = release.metadata.get_payload()
    assert described.strip() == package_page(readme, release.home, f"v{VERSION}").strip()
    leads_to = f"{re.escape(release.home)}/(?:blob|raw)/v{re.escape(VERSION)}/"
    for target in links(described):
        assert not is_relative(target)
        if target.startswith("#"):
            assert target[1:] in anchors(described)
        elif found := re.match(leads_to, target):
            assert (release.sdist / target[found.end() :].partition("#")[0]).is_file()
        else:
            assert target.startswith("https://")


def test_what_is_said_of_the_package(release: Release) -> None:
    said = release.metadata
    assert (said["Name"], said["Version"]) == ("dovtab", VERSION)
    assert said["Author"] == "The dovtab authors"
    assert "Apache-2.0" in (said["License"], said["License-Expression"])
    urls = dict(url.split(", ") for url in said.get_all("Project-URL"))
    assert urls.keys() == {"Source", "Documentation", "Changelog", "Issues"}
    assert all(url.startswith(release.home) for url in urls.values())
    document = urls["Changelog"].rpartition("/")[2]
    heading = re.search(r"^## (\S+)", (release.sdist / document).read_text(), re.M)
    assert heading
    assert heading[1] == VERSION


def test_the_home_is_said_once(release: Release) -> None:
    """Who moves it has one line to change, and what people read."""
    named = [
        name
        for name in files(release.tree)
        if not name.endswith(".md")
        and release.home.encode() in (release.tree / name).read_bytes()
    ]
    assert named == ["setup.py"]
    assert (release.tree / "setup.py").read_text().count(release.home) == 1
