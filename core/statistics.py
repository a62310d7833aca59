"""What PostgreSQL's planner knows of tables that autovacuum never comes to.

Autovacuum analyses a table once 50 rows of it have changed. An installation has a handful of
accounts and share units for months, and of a table that was never analysed the planner assumes that
a condition leaves next to nothing: a list that an index would give in order is then sorted whole
(benchmarks/README.md, lists).
"""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection, transaction

log = logging.getLogger("modelyard.statistics")

#: Above this, autovacuum comes by itself; below, ANALYZE reads a few pages.
SMALL = 1000
STALE = """
SELECT relname FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_live_tup <= %s
  AND (n_mod_since_analyze > 0 OR coalesce(last_analyze, last_autoanalyze) IS NULL)
ORDER BY relname
"""


def refresh() -> list[str]:
    """Analyse every small table that has changed since it was last analysed, or never was.

    Returns their names. SQLite's planner takes its indexes without statistics: nothing to do there.
    """
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(STALE, [SMALL])
        names = [name for (name,) in cursor.fetchall()]
    return [name for name in names if _analyze(name)]


def _analyze(table: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
    except DatabaseError as error:  # gone meanwhile, or locked for longer than a statement may wait
        log.warning("%s was not analysed: %s", table, error)
        return False
    return True
