"""Whether the loadable extension is there to be tested."""

from __future__ import annotations

import pytest

import dovtab
from dovtab.errors import SettingsError


def lacking() -> str:
    """Why it is not; "": it is."""
    try:
        dovtab.loadable_path()
    except SettingsError as error:
        return str(error)
    return ""


needs_extension = pytest.mark.skipif(bool(lacking()), reason=lacking())
