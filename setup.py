"""Packaging: ``pip install .``, and ``pip install -e '.[test]'`` to work on it."""

import runpy
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
HOME = "https://github.com/dovtab/dovtab"
VERSION = runpy.run_path(str(HERE / "dovtab" / "version.py"))["VERSION"]
package_page = runpy.run_path(str(HERE / ".ci" / "package_page.py"))["package_page"]

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


class BuildWithExamples(build_py):
    """Puts examples/ into the package, for those who have no source tree."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            there = Path(self.build_lib, "dovtab", "examples")
            shutil.copytree(
                HERE / "examples",
                there,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__", ".*"),
            )


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
    # Compiled in two thirds of the time, to a third of the size.
    extra_compile_args=["-std=gnu11", "-fvisibility=hidden", "-O2", "-g0"],
    libraries=["pthread", "dl"] if sys.platform == "linux" else [],
    optional=True,
)

setup(
    name="dovtab",
    version=VERSION,
    description="DigitalOcean Droplet actions as a SQLite table",
    long_description=package_page(
        (HERE / "README.md").read_text(encoding="utf-8"), HOME, f"v{VERSION}"
    ),
    long_description_content_type="text/markdown",
    author="The dovtab authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    url=HOME,
    project_urls={
        "Source": HOME,
        "Documentation": f"{HOME}#readme",
        "Changelog": f"{HOME}/blob/main/CHANGELOG.md",
        "Issues": f"{HOME}/issues",
    },
    keywords=["digitalocean", "droplet", "sqlite", "virtual table", "sql", "apsw"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: C",
        "Programming Language :: Python :: 3",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)),
        "Programming Language :: SQL",
        "Topic :: Database",
        "Topic :: System :: Systems Administration",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["dovtab", "dovtab.*"]),
    package_data={"dovtab": ["py.typed", "help/*.md"]},
    ext_modules=[] if sys.platform == "win32" else [loadable],
    cmdclass={
        "build_ext": BuildLoadable,
        "build_py": BuildWithExamples,
        **platform_wheel(),
    },
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
        # What it needs besides comes from Debian: PL/Python, and there multicorn2 is built.
        "postgres": [],
        "bench": [SHILLELAGH],
        # Many accounts as data frames, and histories as Parquet files.
        "dask": ["dask[dataframe,distributed]>=2025.7", "pyarrow>=16"],
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
            # Makes what is uploaded, to be looked at.
            "setuptools>=77",
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
