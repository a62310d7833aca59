"""The runner finds the numbers in a log; the offset counts bytes of what it found, from 0."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0002_input_version")]

    operations = [
        migrations.RemoveField("attempt", "log_offset"),
        migrations.RemoveField("attempt", "log_rest"),
        migrations.AddField("attempt", "numbers_offset", models.BigIntegerField(default=0)),
    ]
