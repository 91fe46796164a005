from django.db import migrations

# What 0026 says now, for databases that had run it when its triggers wrote with the caller's rights.
BY_OWNER = """
ALTER FUNCTION review_audit_item_touched() SECURITY DEFINER;
ALTER FUNCTION review_audit_undo_touched() SECURITY DEFINER;
ALTER FUNCTION review_audit_draw_touched() SECURITY DEFINER;
"""


class Migration(migrations.Migration):
    dependencies = [("review", "0027_audit_draw_by_slot")]
    operations = [migrations.RunSQL(BY_OWNER, migrations.RunSQL.noop)]
