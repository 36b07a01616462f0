"""``python tests/benchmarks``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started as a folder: Python looks for modules in it, and not beside it.
    sys.path[0] = str(Path(__file__).parents[1])
    from benchmarks.run import main

    raise SystemExit(main())
