from django.db import migrations, models


class Migration(migrations.Migration):
    # A migration of its own: PostgreSQL does not alter a table in the transaction that deleted rows
    # others refer to.
    dependencies = [('sharing', '0002_blocked_accounts')]

    operations = [
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(fields=('unit', 'account'), name='share_invitation_one_per_unit'),
        ),
    ]
