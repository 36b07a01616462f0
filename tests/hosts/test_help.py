"""The reference as text for a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dovtab.errors import SettingsError
from dovtab.hosts.help import FOLDER, page, rendered, topics

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("topic", topics())
@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_page_has_all_its_words_and_fits(topic: str, width: int) -> None:
    text = page(topic, width)
    source = (FOLDER / f"{topic}.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```\w+\n(.*?)^```$", source, re.M | re.S))
    prose = re.sub(r"^```\w+\n.*?^```$", "", source, flags=re.M | re.S)
    prose = re.sub(r"^!\[.*$", "", prose, flags=re.M)
    prose = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", prose)
    words = set(re.findall(r"\w+", text))
    assert set(re.findall(r"\w+", prose)) | set(re.findall(r"\w+", code)) <= words
    # Code is as it is; all else is as wide as the terminal, but for a word that is wider.
    for line in text.splitlines():
        assert len(line) <= width or line.startswith("    ") or " " not in line.strip()
    for line in code.splitlines():
        assert f"    {line}".rstrip() in text.splitlines()


def test_every_mark_of_markdown_is_gone() -> None:
    for topic in topics():
        text = page(topic, 80)
        assert not re.search(r"^#|\]\(|```", re.sub(r"(?m)^    .*$", "", text), re.M)


def test_what_a_page_is_called_is_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`dovtab --help (\w+)`", readme)) <= set(topics())


def test_of_what_there_is_no_page_the_topics_are_told() -> None:
    with pytest.raises(
        SettingsError, match="there is no help on 'sql'; there is on accounts, act"
    ):
        page("sql", 80)


def test_stars_between_marks_of_code_stay() -> None:
    assert (
        rendered("`count(*)` is *one* of **two**, `a*b`\n", 80)
        == "count(*) is one of two, a*b\n"
    )
