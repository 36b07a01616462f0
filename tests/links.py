"""Links of a Markdown text, and what of them leads nowhere; and the build's own functions for it."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PAGE = runpy.run_path(str(ROOT / ".ci" / "package_page.py"))
links: Callable[[str], list[str]] = _PAGE["links"]
is_relative: Callable[[str], bool] = _PAGE["is_relative"]
package_page: Callable[[str, str, str], str] = _PAGE["package_page"]

_CODE = re.compile(r"^```.*?^```$", re.M | re.S)


def anchors(text: str) -> set[str]:
    """What GitHub calls the sections.

    >>> sorted(anchors("# A `b_c`, d's\\n## A\\n## A"))
    ['a', 'a-1', 'a-b_c-ds']
    """
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", _CODE.sub("", text), re.M):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def dead_links(text: str, folder: Path) -> Iterator[str]:
    """Those to files that are not there, and to sections that are not."""
    for target in links(text):
        path, _, section = target.partition("#")
        if not is_relative(target) and path:
            continue
        file = folder / path
        if path and not file.exists():
            yield target
        elif section:
            there = file.read_text(encoding="utf-8") if path else text
            if section not in anchors(there):
                yield target
