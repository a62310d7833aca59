"""The audit trail is append-only also for TRUNCATE and REPLACE, which no row's trigger sees.

SQLite's REPLACE deletes the row that is in the way without firing delete triggers (unless
recursive_triggers is on, https://sqlite.org/lang_conflict.html), so an id is used once only.
PostgreSQL's TRUNCATE fires triggers of statements alone, with CASCADE from another table too.
"""

from django.db import migrations

TABLE = "core_auditrecord"

SQLITE = [
    f"CREATE TRIGGER audit_no_replace BEFORE INSERT ON {TABLE} "
    f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id) "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
]
SQLITE_BACK = ["DROP TRIGGER audit_no_replace"]

POSTGRESQL = [
    f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
]
POSTGRESQL_BACK = [f"DROP TRIGGER audit_no_truncate ON {TABLE}"]


def run(statements):
    def apply(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return apply


class Migration(migrations.Migration):
    dependencies = [("core", "0004_looks_in_turns")]

    operations = [
        migrations.RunPython(
            run({"sqlite": SQLITE, "postgresql": POSTGRESQL}),
            run({"sqlite": SQLITE_BACK, "postgresql": POSTGRESQL_BACK}),
        )
    ]
