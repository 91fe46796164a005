from django.db import models
from django.db.models.functions import Now


class KeyEncryptionKey(models.Model):
    """A key-encryption key that data keys are wrapped with, or were until they are wrapped again. The key itself is
    never here; `id` is computed from it."""

    id = models.CharField(max_length=16, primary_key=True)
    first_used_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.id


class DataKey(models.Model):
    """The key of the pictures of one submission, or of one snapshot, wrapped with a key-encryption key.

    It is stored nowhere else. `wrapped` is empty once it was destroyed: the row stays, so that nothing is written
    unencrypted for what was erased. `is_complete`: all files are encrypted, so a plain one among them is refused.
    """

    scope = models.CharField(max_length=90, primary_key=True)
    key_encryption_key = models.CharField(max_length=16, help_text="Empty once it was destroyed.")
    wrapped = models.BinaryField(max_length=200)
    is_complete = models.BooleanField(db_default=True)

    class Meta:
        indexes = [models.Index(fields=["key_encryption_key"], name="data_key_by_encryption_key")]

    def __str__(self) -> str:
        return self.scope

    @property
    def is_destroyed(self) -> bool:
        return not self.wrapped


class SharedSetting(models.Model):
    """What must be the same in the settings of all processes, so that one that differs finds out.

    Of a secret, `value` is a fingerprint (`shared_secrets.py`). Of KEY_ENCRYPTION it is "on", or there is no row.
    """

    name = models.CharField(max_length=40, primary_key=True)
    value = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name
