"""Every link in the documents leads somewhere, in the tree and on the page of the package."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import links
from links import ROOT, anchors, dead_links, package_page

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / ".github").glob("*.md"),
    *(ROOT / "dovtab" / "help").glob("*.md"),
]
HOME = "https://home.example/us/it"


def page(text: str) -> str:
    return package_page(text, HOME, "v1.2")


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_no_link_leads_nowhere(file: Path) -> None:
    assert list(dead_links(file.read_text(encoding="utf-8"), file.parent)) == []


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# B's own\n")
    text = (
        "# A\n[1](b.md) [2](c.md) [3](#a) [4](#b) ![5](d.svg)\n[6](b.md#bs-own) [7](b.md#b)"
        '\n<img src="e.png"> `[8](f)` [`x`](g) [9](https://h.example/#i)\n```\n# J\n[k](l)\n```\n[m](#j)'
    )
    dead = ["c.md", "#b", "d.svg", "b.md#b", "e.png", "g", "#j"]
    assert list(dead_links(text, tmp_path)) == dead


def test_the_examples_in_docstrings_run(capsys: pytest.CaptureFixture[str]) -> None:
    names = vars(links)
    for function in (links.anchors, links.links, links.package_page):
        doctest.run_docstring_examples(function, names)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("link", "becomes"),
    [
        ("[a](examples/b.sql)", f"[a]({HOME}/blob/v1.2/examples/b.sql)"),
        ("[a\nb](c.md#d) e", f"[a\nb]({HOME}/blob/v1.2/c.md#d) e"),
        ("![a](b.svg)", f"![a]({HOME}/raw/v1.2/b.svg)"),
        ("[![a](b.png)](c.md)", f"[![a]({HOME}/raw/v1.2/b.png)]({HOME}/blob/v1.2/c.md)"),
        ('<img src="b.PNG"/>', f'<img src="{HOME}/raw/v1.2/b.PNG"/>'),
        ('<a href="b">', f'<a href="{HOME}/blob/v1.2/b">'),
        ("[`a`](b)", f"[`a`]({HOME}/blob/v1.2/b)"),
    ],
)
def test_a_link_within_the_tree_leads_to_the_file_of_that_version(
    link: str, becomes: str
) -> None:
    assert page(link) == becomes


@pytest.mark.parametrize(
    "text",
    [
        "[a](#b)",
        "[a](https://b.example/c)",
        "[a](mailto:b@c.example)",
        "[a](//b.example)",
        "`[a](b)`",
        "```sql\n-- [a](b)\n```",
        "",
    ],
)
def test_what_is_no_link_within_the_tree_stays(text: str) -> None:
    assert page(text) == text


def test_the_page_is_the_readme_but_for_its_links() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = page(readme)
    assert anchors(shown) == anchors(readme)
    assert [t for t in links.links(shown) if links.is_relative(t)] == []
    back = shown.replace(f"{HOME}/blob/v1.2/", "").replace(f"{HOME}/raw/v1.2/", "")
    assert back == readme
    assert page(shown) == shown
