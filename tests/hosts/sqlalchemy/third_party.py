"""``python tests/hosts/sqlalchemy/third_party.py``: SQLAlchemy's own suite for dialects.

Runs it with SQLite's dialect and with dovtab's, side by side, and says where the two
differ. What SQLite's own dialect does not pass here is of no interest: SQLAlchemy
supposes more of a dialect that it is told nothing about.

Source: https://github.com/sqlalchemy/sqlalchemy/blob/main/README.dialects.rst
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FILES = {
    "conftest.py": """
import pytest
from sqlalchemy.dialects import registry
registry.register("dovtab", "dovtab.hosts.sqlalchemy.dialect", "DovtabDialect")
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
from sqlalchemy.testing.plugin.pytestplugin import *
from sqlalchemy.testing.provision import temp_table_keyword_args

@temp_table_keyword_args.for_db("dovtab")
def prefixes(config, engine):
    return {"prefixes": ["TEMPORARY"]}
""",
    "requirements_of_sqlite.py": """
from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

class Requirements(SuiteRequirements):
    @property
    def schemas(self):
        # They would have to be attached, which is closed.
        return exclusions.closed()
""",
    "test_suite.py": "from sqlalchemy.testing.suite import *\n",
    "setup.cfg": """
[sqla_testing]
requirement_cls = requirements_of_sqlite:Requirements
profile_file = profiles.txt
[db]
sqlite = sqlite:///:memory:
dovtab = dovtab://
""",
}
DIALECTS = "sqlite", "dovtab"
# What passes with SQLite's dialect and not with dovtab's, with the reason.
KNOWN: dict[str, str] = {}
_COUNT = re.compile(r"\b(\d+) passed")
_NOT_PASSED = re.compile(r"^(?:FAILED|ERROR) \S*?::(\w+?)_(?:sqlite|dovtab)\S*?(::\S+)", re.M)


def main() -> int:
    """Run it; the exit status is 1 if the two differ."""
    with TemporaryDirectory() as name:
        for file, content in FILES.items():
            (Path(name) / file).write_text(content, encoding="utf-8")
        options = "-p no:logging -p no:xdist -p no:cacheprovider -q -c setup.cfg --rootdir . -W ignore"
        command = [sys.executable, "-m", "pytest", *options.split(), "test_suite.py", "--db"]
        # Where dovtab is not installed, it is this one.
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
        runs = {
            dialect: subprocess.Popen(
                [*command, dialect],
                cwd=name,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for dialect in DIALECTS
        }
        told = {dialect: run.communicate()[0] for dialect, run in runs.items()}
    passed, not_passed = {}, {}
    for dialect, text in told.items():
        count = _COUNT.search(text)
        if count is None:
            print(text)
            return 1
        passed[dialect] = int(count[1])
        not_passed[dialect] = {"".join(found) for found in _NOT_PASSED.findall(text)}
    print(", ".join(f"{dialect}: {count} passed" for dialect, count in passed.items()))
    worse = not_passed["dovtab"] - not_passed["sqlite"] - KNOWN.keys()
    for test in sorted(worse):
        print(f"passes with SQLite's dialect only: {test}")
    return 1 if worse or passed["dovtab"] < passed["sqlite"] - len(KNOWN) else 0


if __name__ == "__main__":
    raise SystemExit(main())
