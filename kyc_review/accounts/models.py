from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from kyc_review.core.permissions import Role


class User(AbstractUser):
    """A member of the bank's staff."""

    must_change_password = models.BooleanField(
        default=False,
        help_text="The password was set by another person; it must be changed at the next login.",
    )
    must_use_second_factor = models.BooleanField(
        default=False, help_text="Required for this person, independent of REQUIRE_SECOND_FACTOR."
    )

    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="In which the person reads times, such as Europe/Berlin; empty for their browser's.",
    )
    language = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        help_text="In which the person reads pages, such as de; empty for their browser's.",
    )

    session_generation = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Raised to end all sessions of the person."
    )

    # The prefix of the personal token of the current request; empty in a browser. Events record it.
    asks_by_token = ""

    def get_session_auth_hash(self) -> str:
        """Of Django; a session whose hash differs is over. Sessions of people who ended none keep Django's hash."""
        if not self.session_generation:
            return str(super().get_session_auth_hash())
        return self._session_hash(settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """As above, for the keys of before the last rotation."""
        if not self.session_generation:
            yield from super().get_session_auth_fallback_hash()
            return
        for key in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(key)

    def _session_hash(self, secret: str | bytes) -> str:
        of = f"{self.session_generation}:{self.password}"
        return salted_hmac("kyc_review.accounts.session", of, secret=secret, algorithm="sha256").hexdigest()

    def has_role(self, *roles: str) -> bool:
        """Whether the user holds any of the roles; superusers get no exception, so tests see what users see."""
        if not hasattr(self, "_roles"):
            self._roles = set(self.groups.values_list("name", flat=True))
        return self.is_active and not self._roles.isdisjoint(roles)


class Identity(models.Model):
    """Who a person is at an identity provider. `subject` never changes there, while names and addresses do."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="identity")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_of_one_person"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class AdminRequest(models.Model):
    """An admin asks for an act on somebody's account that one admin must not do alone; another admin decides."""

    class Act(models.TextChoices):
        ROLE = "role", _("have the role")
        ACTIVATION = "activation", _("be activated again")
        PASSWORD = "password", _("get a new password")
        SECOND_FACTOR = "second_factor", _("have the second factor reset")
        DEACTIVATION = "deactivation", _("be deactivated")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="admin_requests")
    act = models.CharField(max_length=20, choices=Act.choices)
    # Requests from before this column, and of the release before, are about admins.
    role = models.CharField(
        max_length=20,
        choices=Role.choices,
        db_default=Role.ADMIN,
        help_text="Of ROLE: the one that the person gets. Otherwise: the one for which the act needs two admins.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "act"], condition=models.Q(state="open"), name="admin_request_open_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="approved") | ~models.Q(decided_by=models.F("proposed_by")),
                name="admin_request_two_people",
            ),
        ]


class Integration(models.Model):
    """An onboarding system that posts submissions; it sees only its own."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # DRF asks its request.user for this.
    is_authenticated = True

    def __str__(self) -> str:
        return self.slug


class Scope(models.TextChoices):
    """Scopes of API keys; a key may have several."""

    SUBMISSIONS_WRITE = "submissions:write", _("post and cancel submissions")
    SUBMISSIONS_READ = "submissions:read", _("read submissions and their results")
    SUBMISSIONS_ERASE = "submissions:erase", _("permanently delete an applicant's picture and references")
    SUBMISSIONS_PICTURES = "submissions:pictures", _("fetch the pictures that were posted")
    OUTCOMES_WRITE = "outcomes:write", _("report a later outcome of an applicant")
    WEBHOOKS_MANAGE = "webhooks:manage", _("manage webhook endpoints and replay events")


# A live key with one of these reaches every applicant's picture or data by itself: two admins decide.
NEEDS_TWO = frozenset({Scope.SUBMISSIONS_ERASE, Scope.SUBMISSIONS_PICTURES})


def all_scopes() -> list[str]:
    """The default scopes: everything except irreversible actions and pictures, which few programs need again."""
    return [scope.value for scope in Scope if scope not in NEEDS_TWO]


class BearerKey(models.Model):
    """The prefix identifies the row; the SHA-512 digest of the whole key authenticates it.

    The secret part has 256 random bits, so a fast hash is as safe as a slow one and a request costs microseconds.
    """

    prefix = models.CharField(max_length=24, unique=True)
    digest = models.CharField(max_length=128)
    label = models.CharField(max_length=60, blank=True, help_text="Purpose, to distinguish keys.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rate_per_minute: int | None

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.prefix

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class ApiKey(BearerKey):
    """A key of an integration, for that integration's submissions."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="keys")
    is_test = models.BooleanField(default=False, help_text="Reaches the sandbox only.")
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope), default=all_scopes)
    networks = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        help_text="Addresses that may use the key, such as 203.0.113.0/24; empty: any.",
    )
    rate_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: the house's limit."
    )
    created_by = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: the operator.",
    )
    # Releases before the first one named it after erasing alone.
    rights_wait = models.BooleanField(
        default=False,
        db_default=False,
        db_column="erasing_waits",
        help_text="It may neither erase nor fetch pictures until another admin has approved that.",
    )

    @property
    def rights(self) -> list[str]:
        """The scopes that count now."""
        if not self.rights_wait:
            return list(self.scopes)
        return [scope for scope in self.scopes if scope not in NEEDS_TWO]

    @property
    def rights_for_two(self) -> str:
        """In words, those of its scopes for which a live key needs two admins."""
        return ", ".join(str(Scope(scope).label) for scope in self.scopes if scope in NEEDS_TWO)


TOKEN_LIFE_MAX = timedelta(days=90)


class PersonalToken(BearerKey):
    """A token of a member of staff: it acts as its owner, with the current rights of the owner's role.

    It gives access to the retraining API only, not to pages or to the API of integrations.
    """

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    label = models.CharField(max_length=60, help_text="Purpose, to distinguish tokens.")
    is_read_only = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    rate_per_minute = None

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="personal_token_ends",
                condition=models.Q(expires_at__lte=models.F("created_at") + TOKEN_LIFE_MAX),
            )
        ]


class IdempotencyRecord(models.Model):
    """What a request answered under an Idempotency-Key, written in the transaction of the rows that it made."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="+")
    is_test = models.BooleanField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(
        max_length=64, help_text="SHA-256 of what the request says, however framed."
    )
    status = models.PositiveSmallIntegerField()
    body = models.TextField(help_text="JSON, with its fields in the order in which they were answered.")
    location = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "submissions_idempotencyrecord"  # it was a model of that app
        constraints = [
            models.UniqueConstraint(fields=["integration", "is_test", "key"], name="idempotency_key_once")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return self.key
