"""Many accounts as Dask data frames, and their histories as Parquet files: ``dovtab[dask]``.

Nothing here can act.
"""

from __future__ import annotations

from dovtab.hosts.dask.cluster import local_cluster
from dovtab.hosts.dask.history import to_parquet
from dovtab.hosts.dask.reading import read_actions, read_droplets

__all__ = ["local_cluster", "read_actions", "read_droplets", "to_parquet"]
