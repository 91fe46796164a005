"""Numbers about what the product runs on: database, disk, and which release it is."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from kyc_review.encryption.keys import is_on
from kyc_review.metrics.gauges import gauge

CONNECTIONS = """
SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1
"""
LIMIT = """
SELECT current_setting('max_connections')::int, pg_database_size(current_database()),
    coalesce((SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()), 0)
"""
# As Postgres names them (pg_stat_activity.state).
STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
    "unknown",
)


def database_numbers() -> Iterator[Metric]:
    """Connections of all processes: the product keeps one for each thread and has no pool of its own."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        found = dict(cursor.fetchall())
        cursor.execute(LIMIT)
        limit, size_bytes, deadlocks = cursor.fetchone()
    connections = GaugeMetricFamily(
        "kyc_database_connections", "Connections to the product's database.", labels=["state"]
    )
    for state in STATES:
        connections.add_metric([state], found.get(state, 0))
    yield connections
    yield gauge("kyc_database_connections_max", "Connections that the database server allows.", limit)
    yield gauge("kyc_database_size_bytes", "Size of the product's database.", size_bytes)
    yield gauge("kyc_database_deadlocks", "Deadlocks since the server's statistics began.", deadlocks)


def clock_number(ahead_s: float) -> Metric:
    """ahead_s: as `skew_s` measures it."""
    return gauge(
        "kyc_clock_skew_seconds",
        "By how much the clock of the process that answers is ahead of the database's.",
        ahead_s,
    )


def host_numbers() -> Iterator[Metric]:
    """These need no database."""
    build = GaugeMetricFamily(
        "kyc_build_info", "1 for the build that answers.", labels=["version", "build", "python"]
    )
    build.add_metric([settings.VERSION, settings.BUILD, platform.python_version()], 1)
    yield build
    yield gauge(
        "kyc_encryption_on",
        "1 if the process that answers encrypts the pictures that it stores.",
        int(is_on()),
    )
    try:
        disk = shutil.disk_usage(settings.DATA_DIR)
    except OSError:  # not mounted: /readyz says so
        return
    yield gauge("kyc_data_disk_free_bytes", "Free space where DATA_DIR lies.", disk.free)
    yield gauge("kyc_data_disk_size_bytes", "Size of the disk where DATA_DIR lies.", disk.total)
