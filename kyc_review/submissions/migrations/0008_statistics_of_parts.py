from django.db import migrations

# Postgres takes no statistics from a partial index. Without them it thinks that every text is rare, and sorts all rows
# that hold a common one instead of reading the newest first.
TEXT = """UPPER((external_ref || chr(10) || applicant_ref || chr(10) || jsonb_path_query_array(
    metadata, 'strict $.** ? (@.type() != "object" && @.type() != "array")')::text))"""


class Migration(migrations.Migration):
    """Neither statement keeps submissions from being written."""

    dependencies = [("submissions", "0007_is_planted")]
    operations = [
        migrations.RunSQL(
            [
                f"CREATE STATISTICS submission_searchable ON ({TEXT}) FROM submissions_submission",
                "ANALYZE submissions_submission",
            ],
            "DROP STATISTICS submission_searchable",
        ),
    ]
