"""Modules that the command does without until something of them is looked at.

apsw's shell imports at once whatever the rarest of its commands takes: a browser, a
parser of HTML, FTS5's tokenizers. A command that answers one question ends sooner than
that. Here such a module has a stand-in, in the names of whoever imports it: at the
first look at something of it the module is imported, and the look goes there.

The one rule: nobody can tell, but by the time. In ``sys.modules`` the stand-ins are
only while one module is being imported, so whoever imports them later gets the real
ones. Only the command does this, before it has a second thread: a library has no
business in its user's ``sys.modules``.

``importlib.util.LazyLoader`` is made for this, but before Python 3.12 the second
``import`` of a module is a look at it.

Source: https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """In the place of the module of its name."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def standing_in(modules: Iterable[StandIn]) -> Iterator[None]:
    """What is imported meanwhile gets these in the place of the modules.

    One that is there already stays, and has no stand-in.
    """
    placed = [module for module in modules if module.__name__ not in sys.modules]
    for module in placed:
        sys.modules[module.__name__] = module
        package, _, name = module.__name__.rpartition(".")
        if package:
            setattr(sys.modules[package], name, module)
    try:
        yield
    finally:
        for module in placed:
            # A look has put the real one there.
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]
