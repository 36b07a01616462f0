"""The examples that come with dovtab: which there are, and each to be looked at or kept.

They are files to be changed, so nothing runs one by its name. In a package they lie within it,
in a source tree beside it.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from dovtab.errors import SettingsError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "examples", _PACKAGE.parent / "examples")
_BEFORE_TEXT = re.compile(r'^(?:--|#|""")? ?', re.M)


def shown(name: str | None, folders: tuple[Path, ...] = FOLDERS) -> str:
    """What there is, with the folder first; or the example of that name, as it is in its file.

    Raises:
        SettingsError: there is no such example.
    """
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise SettingsError("the examples were not installed with dovtab")
    files = {
        file.name: file
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    }
    if name in files:
        return files[name].read_text(encoding="utf-8").rstrip("\n")
    if name is not None:
        near = get_close_matches(name, files, n=1)
        hint = f"did you mean {near[0]}?" if near else "dovtab --examples lists them"
        raise SettingsError(f"there is no example '{name}'; {hint}")
    width = max(map(len, files))
    lines = (
        f"  {file.name:{width}}  {first_sentence(file.read_text(encoding='utf-8'))}"
        for file in files.values()
    )
    return "\n".join([f"{folder}/", *lines])


def first_sentence(source: str) -> str:
    """What a file's first comment, or docstring, says first.

    >>> first_sentence("-- Which were, and\\n-- which not? One request.\\n--\\n-- Run it.\\n")
    'Which were, and which not?'
    >>> first_sentence('\"\"\"Actions by day, as a frame.\\n\\nRun it.\\n\"\"\"\\n')
    'Actions by day, as a frame.'
    >>> first_sentence("# The cells of a notebook; as a program: so.")
    'The cells of a notebook'
    """
    text = " ".join(_BEFORE_TEXT.sub("", source).partition("\n\n")[0].split())
    return re.split(r"(?<=[.?]) |[:;] |[:;]$", text)[0]
