"""README.md as the page of a package, where links within the tree would lead nowhere.

They become links to the project's home, to the files of the version that is described. A
link to a section stays what it is: a package's page has the sections, too. What is code is
left alone.
"""

import re

_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.M | re.S)
_TARGET = re.compile(r'(?<=\]\()[^)\s]+|(?<= src=")[^"\s]+|(?<= href=")[^"\s]+')
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.I)
_PICTURE = re.compile(r"\.(svg|png|jpe?g|gif|webp)$", re.I)


def links(text: str) -> list[str]:
    """Where the links and pictures of a Markdown text lead, in their order.

    >>> links('[`a`](b.md#c), ![d](e.svg), `[no](link)`, <a href="f">')
    ['b.md#c', 'e.svg', 'f']
    """
    return [found for part in _CODE.split(text)[::2] for found in _TARGET.findall(part)]


def is_relative(target: str) -> bool:
    """Whether it leads to another file of the tree."""
    return not _ELSEWHERE.match(target)


def package_page(text: str, home: str, tag: str) -> str:
    """The text with every link that is relative made absolute.

    Args:
        home: the URL of the project, a repository of GitHub's.
        tag: what the version is called there.

    >>> package_page("[a](b.md), ![c](d.svg), [e](#f)", "https://home.example", "v1")
    '[a](https://home.example/blob/v1/b.md), ![c](https://home.example/raw/v1/d.svg), [e](#f)'
    """

    def absolute(found: re.Match[str]) -> str:
        target = found[0]
        if not is_relative(target):
            return target
        kind = "raw" if _PICTURE.search(target) else "blob"
        return f"{home}/{kind}/{tag}/{target}"

    parts = _CODE.split(text)
    parts[::2] = [_TARGET.sub(absolute, part) for part in parts[::2]]
    return "".join(parts)
