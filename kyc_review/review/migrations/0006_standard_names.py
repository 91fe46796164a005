"""Renames only: no row is read or written, so each lock is held for a moment.

The release before this one cannot run on the new names. That is allowed because nothing was released yet.
"""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models

ITEM_COLUMNS = {
    "disguise": "masked_reason",
    "placed_as": "queue_reason",
    "placed_risk": "queue_risk",
    "held_for": "reserved_for",
    "held_until": "reserved_until",
}


def rename(*statements: tuple[str, str, str]) -> list[migrations.RunSQL]:
    """One operation per (statement with {old} and {new}, old name, new name); reversed by the names changed over."""
    return [
        migrations.RunSQL(text.format(old=old, new=new), text.format(old=new, new=old))
        for text, old, new in statements
    ]


class Migration(migrations.Migration):
    dependencies = [("review", "0005_put_aside")]

    operations = [
        migrations.RenameModel("Withdrawal", "DecisionUndo"),
        migrations.RenameField("DecisionUndo", "withdrawn_at", "undone_at"),
        migrations.RenameModel("Onlooker", "OutcomeExposure"),
        migrations.RenameField("OutcomeExposure", "since", "seen_at"),
        # Postgres renames columns inside generated columns, constraints and indexes by itself; Django's own
        # operations would drop and build them again.
        migrations.SeparateDatabaseAndState(
            database_operations=rename(
                ("ALTER TABLE review_reviewitem RENAME COLUMN {old} TO {new}", "disguise", "masked_reason"),
                ("ALTER TABLE review_reviewitem RENAME COLUMN {old} TO {new}", "placed_as", "queue_reason"),
                ("ALTER TABLE review_reviewitem RENAME COLUMN {old} TO {new}", "placed_risk", "queue_risk"),
                (
                    "ALTER TABLE review_reviewitem RENAME COLUMN {old} TO {new}",
                    "held_for_id",
                    "reserved_for_id",
                ),
                (
                    "ALTER TABLE review_reviewitem RENAME COLUMN {old} TO {new}",
                    "held_until",
                    "reserved_until",
                ),
                (
                    "ALTER TABLE review_reviewitem RENAME CONSTRAINT {old} TO {new}",
                    "hold_fields_all_or_none",
                    "reservation_fields_all_or_none",
                ),
                (
                    "ALTER TABLE review_reviewitem RENAME CONSTRAINT {old} TO {new}",
                    "item_placed_as_and_at",
                    "queue_fields_all_or_none",
                ),
                (
                    "ALTER TABLE review_outcomeexposure RENAME CONSTRAINT {old} TO {new}",
                    "onlooker_once",
                    "outcome_exposure_once",
                ),
                ("ALTER INDEX {old} RENAME TO {new}", "item_held", "item_reserved"),
                (
                    "ALTER TRIGGER {old} ON review_decisionundo RENAME TO {new}",
                    "review_withdrawal_immutable",
                    "review_decisionundo_immutable",
                ),
            ),
            state_operations=[
                *(migrations.RenameField("ReviewItem", old, new) for old, new in ITEM_COLUMNS.items()),
                migrations.RemoveConstraint(
                    model_name="outcomeexposure",
                    name="onlooker_once",
                ),
                migrations.RemoveConstraint(
                    model_name="reviewitem",
                    name="hold_fields_all_or_none",
                ),
                migrations.RemoveConstraint(
                    model_name="reviewitem",
                    name="item_placed_as_and_at",
                ),
                migrations.RemoveIndex(
                    model_name="reviewitem",
                    name="item_held",
                ),
                migrations.AlterField(
                    model_name="decisionundo",
                    name="decision",
                    field=models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="undo", to="review.decision"
                    ),
                ),
                migrations.AlterField(
                    model_name="outcomeexposure",
                    name="submission",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outcome_exposures",
                        to="submissions.submission",
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="masked_reason",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("unanimous_fake", "All five say fake"),
                            ("split_vote", "Votes disagree"),
                            ("second_opinion", "Second review"),
                            ("adjudication", "Two people disagree"),
                            ("unscorable", "Could not be scored"),
                            ("checks", "Picture check"),
                            ("standstill", "Scoring stood still"),
                            ("audit", "Audit sample"),
                            ("gold", "Calibration"),
                        ],
                        default="",
                        help_text="The reason that people see instead, where the true one would tell the reviewer what to answer.",
                        max_length=20,
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="priority",
                    field=models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(is_escalated=True, then=models.Value(-1)),
                            models.When(
                                models.Q(
                                    ("queue_reason", "unanimous_fake"),
                                    models.Q(("masked_reason", "unanimous_fake"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""),
                                        ("queue_reason", ""),
                                        ("reason", "unanimous_fake"),
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(0),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "second_opinion"),
                                    models.Q(("masked_reason", "second_opinion"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""),
                                        ("queue_reason", ""),
                                        ("reason", "second_opinion"),
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(1),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "split_vote"),
                                    models.Q(("masked_reason", "split_vote"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""), ("queue_reason", ""), ("reason", "split_vote")
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(2),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "unscorable"),
                                    models.Q(("masked_reason", "unscorable"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""), ("queue_reason", ""), ("reason", "unscorable")
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(3),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "standstill"),
                                    models.Q(("masked_reason", "standstill"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""), ("queue_reason", ""), ("reason", "standstill")
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(4),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "checks"),
                                    models.Q(("masked_reason", "checks"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""), ("queue_reason", ""), ("reason", "checks")
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(5),
                            ),
                            models.When(
                                models.Q(
                                    ("queue_reason", "audit"),
                                    models.Q(("masked_reason", "audit"), ("queue_reason", "")),
                                    models.Q(
                                        ("masked_reason", ""), ("queue_reason", ""), ("reason", "audit")
                                    ),
                                    _connector="OR",
                                ),
                                then=models.Value(6),
                            ),
                            default=models.Value(9),
                        ),
                        output_field=models.SmallIntegerField(),
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="queue_reason",
                    field=models.CharField(
                        blank=True,
                        choices=[
                            ("unanimous_fake", "All five say fake"),
                            ("split_vote", "Votes disagree"),
                            ("second_opinion", "Second review"),
                            ("adjudication", "Two people disagree"),
                            ("unscorable", "Could not be scored"),
                            ("checks", "Picture check"),
                            ("standstill", "Scoring stood still"),
                            ("audit", "Audit sample"),
                            ("gold", "Calibration"),
                        ],
                        default="",
                        help_text="A drawn reason and risk that determine its queue position, where its own would reveal it.",
                        max_length=20,
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="reason",
                    field=models.CharField(
                        choices=[
                            ("unanimous_fake", "All five say fake"),
                            ("split_vote", "Votes disagree"),
                            ("second_opinion", "Second review"),
                            ("adjudication", "Two people disagree"),
                            ("unscorable", "Could not be scored"),
                            ("checks", "Picture check"),
                            ("standstill", "Scoring stood still"),
                            ("audit", "Audit sample"),
                            ("gold", "Calibration"),
                        ],
                        max_length=20,
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="reserved_for",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reserved_items",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="shown_reason",
                    field=models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(masked_reason="", then=models.F("reason")),
                            default=models.F("masked_reason"),
                        ),
                        output_field=models.CharField(
                            choices=[
                                ("unanimous_fake", "All five say fake"),
                                ("split_vote", "Votes disagree"),
                                ("second_opinion", "Second review"),
                                ("adjudication", "Two people disagree"),
                                ("unscorable", "Could not be scored"),
                                ("checks", "Picture check"),
                                ("standstill", "Scoring stood still"),
                                ("audit", "Audit sample"),
                                ("gold", "Calibration"),
                            ],
                            max_length=20,
                        ),
                    ),
                ),
                migrations.AlterField(
                    model_name="reviewitem",
                    name="urgency",
                    field=models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.comparison.Coalesce("queue_risk", "risk"),
                        help_text="Orders items of one priority.",
                        output_field=models.FloatField(),
                    ),
                ),
                migrations.AddIndex(
                    model_name="reviewitem",
                    index=models.Index(
                        condition=models.Q(("reserved_for__isnull", False), ("state", "open")),
                        fields=["reserved_for"],
                        name="item_reserved",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="outcomeexposure",
                    constraint=models.UniqueConstraint(
                        fields=("submission", "person"), name="outcome_exposure_once"
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reviewitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reserved_for__isnull", True), ("reserved_until__isnull", True)),
                            models.Q(("reserved_for__isnull", False), ("reserved_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="reservation_fields_all_or_none",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="reviewitem",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("queue_reason", ""), ("queue_risk__isnull", True)),
                            models.Q(
                                models.Q(("queue_reason", ""), _negated=True),
                                ("queue_risk__gte", 0),
                                ("queue_risk__lte", 1),
                            ),
                            _connector="OR",
                        ),
                        name="queue_fields_all_or_none",
                    ),
                ),
            ],
        ),
    ]
