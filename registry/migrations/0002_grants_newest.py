"""Grants keep when their object was made, and an index in that order, for lists."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def copy_from_objects(apps, schema_editor):
    """One statement over all grants; their objects are there by foreign key."""
    using = schema_editor.connection.alias
    objects = apps.get_model("registry", "Model")._base_manager.using(using)
    made = objects.filter(pk=OuterRef("content_object_id")).values("created_at")
    grants = apps.get_model("registry", "ModelGrant")._base_manager.using(using)
    grants.update(object_created_at=Subquery(made[:1]))


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="modelgrant",
            name="object_created_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunPython(copy_from_objects, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="modelgrant",
            name="object_created_at",
            field=models.DateTimeField(editable=False),
        ),
        migrations.AddIndex(
            model_name="modelgrant",
            index=models.Index(
                fields=[
                    "group",
                    "permission",
                    "-object_created_at",
                    "-content_object",
                    "unit",
                    "valid_until",
                ],
                name="registry_modelgrant_newest",
            ),
        ),
    ]
