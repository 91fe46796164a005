"""How a person likes to work."""

from django.conf import settings
from django.db import models


class KeyChoice(models.Model):
    """A person's own keys (printed key -> chosen key, only where they differ) and other settings of the workbench."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="key_choice"
    )
    is_on = models.BooleanField(default=True)
    chosen = models.JSONField(default=dict, blank=True)
    keeps_zoom = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The next picture starts at the zoom and place of the last one.",
    )
    folds_guidance = models.BooleanField(
        null=True, help_text="Whether the guide to a first look is folded; unknown until the person chooses."
    )

    def __str__(self) -> str:
        return f"keys of {self.user_id}"


class SavedView(models.Model):
    """A person's name for filters of the queue's list; `query` is the address's query string, already validated."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_saved_view_per_name")]

    def __str__(self) -> str:
        return self.name
