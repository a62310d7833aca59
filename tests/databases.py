"""Which tests run on PostgreSQL, too.

Every test runs on SQLite. One whose outcome the database decides runs on PostgreSQL as well: locks
and writers at the same moment, constraints, types and collations, plans and raw SQL, migrations.
That is everything in DIRECTORIES, and elsewhere each module that says::

    pytestmark = pytest.mark.postgresql

A module that has one of SIGNS has to say so, or stand in EXEMPT with the reason; a
``conftest.py`` that has one speaks for its folder.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "postgresql"
#: folders that are about the database as a whole, each with its reason
DIRECTORIES = {
    "tests/contract": "every type's lists, constraints and forms reach SQL here",
    "tests/core": "states, locks, outbox, quotas and audit are SQL",
    "tests/ops": "backup and restore read and write the database itself",
}
#: what a test file holds when the database may decide its outcome
SIGNS = re.compile(
    r"\btransactional_db\b|\btransaction=True|\bconnection\.vendor\b|\.cursor\(|\bEXPLAIN\b"
    r"|\bIntegrityError\b|\bshared_database\b|\btests\.threads\b|\bMigrationExecutor\b"
)
#: threads matter where they meet in the database
THREADS = re.compile(r"\bThread\(|\bThreadPoolExecutor\(|\bThreadPool\(")
DATABASE = re.compile(r"\bdjango_db\b|\bdb: None\b|\bworld\b")
#: modules that have a sign and do not run on PostgreSQL, each with its reason
EXEMPT = {
    "tests/accounts/test_hasher.py": "its threads hash",
    "tests/accounts/test_quotas_browser.py": "a server for the browser commits; the page is tested",
    "tests/checks/test_suite.py": "its signs are examples",
    "tests/console/test_choices_browser.py": "a server for the browser commits; the page is tested",
    "tests/console/test_chinese_refusals.py": "a real check commits; the words of pages are tested",
    "tests/console/test_env.py": "it opens SQLite files of its own",
    "tests/supervisor/test_web_worker.py": "its threads call a web server that has no database",
    "tests/console/test_ui_browser.py": "a server for the browser commits; the page is tested",
    "tests/hostile/conftest.py": "a server for real programs commits; the sandbox is tested",
    "tests/serving/test_predict_browser.py": "a server for the browser commits; the page is tested",
}


def needs_mark(text: str) -> str:
    """The sign that a test file of this text has, or ""."""
    found = SIGNS.search(text) or (DATABASE.search(text) and THREADS.search(text))
    return found[0] if found else ""


@cache
def on_postgresql(path: Path) -> bool:
    """Whether the tests of a file run on PostgreSQL, too."""
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(tuple(f"{folder}/" for folder in DIRECTORIES)):
        return True
    return f"mark.{MARK}" in path.read_text()
