"""Packaging: ``pip install .``, and ``pip install -e '.[test]'`` to work on it."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
version: dict[str, str] = {}
exec((HERE / "dovtab" / "version.py").read_text(encoding="utf-8"), version)

# What the benchmarks compare with; the tests run a tenth of them.
SHILLELAGH = "shillelagh==1.4.5"

setup(
    name="dovtab",
    version=version["VERSION"],
    description="DigitalOcean Droplet actions as a SQLite table",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["dovtab", "dovtab.*"]),
    package_data={"dovtab": ["py.typed"]},
    install_requires=[
        # 3.54.0.0 and 3.54.1.0 fail on an empty IN set that a virtual table takes whole.
        "apsw>=3.51.2,!=3.54.0.0,!=3.54.1.0",
        "httpx>=0.27,<1",
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
            "hypothesis>=6.100",
            "mypy>=1.11",
            "openapi-core>=0.19",
            "pexpect>=4.9",
            "pydo>=0.40",
            "pytest>=8",
            # On two processors in half the time.
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            SHILLELAGH,
            "types-PyYAML",
            "types-tqdm",
        ],
    },
    entry_points={"console_scripts": ["dovtab = dovtab.hosts.command:main"]},
)
