"""Packaging: ``pip install .``, and ``pip install -e '.[test]'`` to work on it."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
version: dict[str, str] = {}
exec((HERE / "dovtab" / "version.py").read_text(encoding="utf-8"), version)

# What the benchmarks compare with; the tests run a tenth of them.
SHILLELAGH = "shillelagh==1.4.5"

SOURCES = "dovtab/hosts/pipe/extension"
SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


class BuildLoadable(build_ext):
    """Builds a loadable extension of SQLite's, which is no module of Python's.

    It has a plain name, no Python in it, and is optional: without a compiler or SQLite's
    headers (Debian's libsqlite3-dev) all the rest is installed.
    """

    def get_ext_filename(self, fullname: str) -> str:
        return str(Path(*fullname.split("."))) + SUFFIX

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return list(ext.export_symbols)

    def get_libraries(self, ext: Extension) -> list[str]:
        return list(ext.libraries)

    def build_extension(self, ext: Extension) -> None:
        # What an earlier one has left would be taken for this one, should it fail.
        Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
        super().build_extension(ext)

    def run(self) -> None:
        super().run()
        if self.inplace:
            # No path leads from a source tree to the interpreter that it is installed in.
            python = HERE / "dovtab" / "dovtab.python"
            python.write_text(f"{sys.executable}\n", encoding="utf-8")


def platform_wheel() -> dict[str, type]:
    """One wheel for every Python of a platform, where wheels can be made at all."""
    for module in ("setuptools.command.bdist_wheel", "wheel.bdist_wheel"):
        try:
            made: Any = import_module(module).bdist_wheel
        except ImportError:  # before setuptools 70.1, or without the package wheel
            continue

        class PlatformWheel(made):
            def get_tag(self) -> tuple[str, str, str]:
                return "py3", "none", super().get_tag()[2]

        return {"bdist_wheel": PlatformWheel}
    return {}


loadable = Extension(
    "dovtab.dovtab",
    sources=sorted(str(path.relative_to(HERE)) for path in (HERE / SOURCES).glob("*.c")),
    depends=[f"{SOURCES}/dovtab.h"],
    export_symbols=[f"sqlite3_{name}_init" for name in ("dovtab", "dovtabauto", "dovtabread")],
    extra_compile_args=["-std=gnu11", "-fvisibility=hidden"],
    libraries=["pthread", "dl"] if sys.platform == "linux" else [],
    optional=True,
)

setup(
    name="dovtab",
    version=version["VERSION"],
    description="DigitalOcean Droplet actions as a SQLite table",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["dovtab", "dovtab.*"]),
    package_data={"dovtab": ["py.typed", "help/*.md"]},
    ext_modules=[] if sys.platform == "win32" else [loadable],
    cmdclass={"build_ext": BuildLoadable, **platform_wheel()},
    install_requires=[
        # 3.54.0.0 and 3.54.1.0 fail on an empty IN set that a virtual table takes whole.
        "apsw>=3.51.2,!=3.54.0.0,!=3.54.1.0",
        "httpx>=0.27,<1",
        # httpx's own lower half, which it brings: requests go to its connections.
        "httpcore>=1,<2",
        # Takes a third of the time that json takes, and refuses what is not JSON.
        "orjson>=3.10",
        # Reads doctl's config file; imported only where there is one.
        "PyYAML>=6",
        # Draws the shell's progress; imported only where there is some.
        "tqdm>=4.60",
    ],
    extras_require={
        "bench": [SHILLELAGH],
        "test": [
            "dbapi-compliance==1.15.0",
            "hypothesis>=6.100",
            "mypy>=1.11",
            "openapi-core>=0.19",
            "pexpect>=4.9",
            # What a terminal shows of what is written to it.
            "pyte>=0.8",
            "pydo>=0.40",
            "pytest>=8",
            # On two processors in half the time.
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            SHILLELAGH,
            "sqlalchemy>=2",
            "types-PyYAML",
            "types-tqdm",
        ],
    },
    entry_points={
        "console_scripts": ["dovtab = dovtab.hosts.command:main"],
        # Each is imported by the tool that it is for, and by nobody else.
        "sqlalchemy.dialects": [
            "dovtab = dovtab.hosts.sqlalchemy.dialect:DovtabDialect",
            "dovtab.apsw = dovtab.hosts.sqlalchemy.dialect:DovtabDialect",
        ],
        "superset.db_engine_specs": [
            "dovtab = dovtab.hosts.superset.spec:DovtabEngineSpec",
        ],
        "datasette": ["dovtab = dovtab.hosts.plugin"],
        "sqlite_utils": ["dovtab = dovtab.hosts.plugin"],
    },
)
