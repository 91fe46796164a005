"""Who may do what: the one table of roles and rights. Pages, API and services all ask it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

from django.core.exceptions import PermissionDenied
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy


class Role(TextChoices):
    """A role is membership in the group of the same name. A person may have several."""

    REVIEWER = "reviewer", gettext_lazy("Reviewer")
    SENIOR = "senior", gettext_lazy("Senior")
    ADMIN = "admin", gettext_lazy("Admin")
    AUDITOR = "auditor", gettext_lazy("Auditor")


class RoleHolder(Protocol):
    def has_role(self, *roles: str) -> bool: ...


class Right(StrEnum):
    """The values say what each right allows."""

    READ_QUEUE = "read facts about waiting items, without their faces; without this right no page opens"
    DECIDE = "claim, release and decide items; see the faces of one's own items"
    OVERSEE = "see items that others hold, take claims back, overturn anyone's decision, choose gold items"
    SEE_ALL_REVIEWERS = "see the quality figures of every reviewer, not only one's own"
    SEE_AUDITS = "see results of the quality sample; they tell which faces were cleared"
    SEE_INSIGHTS = "read the dashboard, the search and submissions' histories, which show calibration items"
    SEE_FACES = "see any submission's picture outside of the queue"
    READ_AUDIT_LOG = "read and export the audit log"
    ERASE = "delete an applicant's picture and references permanently"
    SEE_RETRAINING = "see counts, snapshots, bundles and promotions; no face"
    SEE_SNAPSHOT_FACES = "see the faces in a snapshot"
    FREEZE = "make snapshots"
    TAKE_SNAPSHOT_IMAGES = "download a snapshot with its original images"
    TRAIN = "request and cancel training runs"
    PROMOTE = "compare, propose, decide on another admin's proposal, roll back"
    PLANT = "propose and approve the settings of planted forgeries, switch planting off"
    HAVE_TOKENS = "have personal tokens for the retraining API"
    SEE_WEBHOOKS = "see webhook endpoints and deliveries"
    MANAGE_WEBHOOKS = "change webhook endpoints and replay deliveries"
    SEE_INTEGRATIONS = "see integrations and their API keys"
    MANAGE_INTEGRATIONS = "create integrations, issue and revoke API keys"
    SEE_PEOPLE = "see accounts and their roles"
    MANAGE_PEOPLE = "create accounts, change roles, reset passwords"


R, S, A, U = Role.REVIEWER, Role.SENIOR, Role.ADMIN, Role.AUDITOR
# Admins manage models and accounts and auditors check people, so neither of them decides on faces. Who makes a snapshot
# does not take its images away: that is for those who see any face. fmt: off
ROLES_WITH: Mapping[Right, frozenset[Role]] = {
    Right.READ_QUEUE: frozenset({R, S, A, U}),
    Right.DECIDE: frozenset({R, S}),
    Right.OVERSEE: frozenset({S}),
    Right.SEE_ALL_REVIEWERS: frozenset({S, A, U}),
    Right.SEE_AUDITS: frozenset({S, A, U}),
    Right.SEE_INSIGHTS: frozenset({S, A, U}),
    Right.SEE_FACES: frozenset({S, U}),
    Right.READ_AUDIT_LOG: frozenset({A, U}),
    Right.ERASE: frozenset({A}),
    Right.SEE_RETRAINING: frozenset({A, U}),
    Right.SEE_SNAPSHOT_FACES: frozenset({A, U}),
    Right.FREEZE: frozenset({A}),
    Right.TAKE_SNAPSHOT_IMAGES: frozenset({U}),
    Right.TRAIN: frozenset({A}),
    Right.PROMOTE: frozenset({A}),
    Right.PLANT: frozenset({A}),
    Right.HAVE_TOKENS: frozenset({A, U}),
    Right.SEE_WEBHOOKS: frozenset({A, U}),
    Right.MANAGE_WEBHOOKS: frozenset({A}),
    Right.SEE_INTEGRATIONS: frozenset({A, U}),
    Right.MANAGE_INTEGRATIONS: frozenset({A}),
    Right.SEE_PEOPLE: frozenset({A, U}),
    Right.MANAGE_PEOPLE: frozenset({A}),
}
# fmt: on

# Roles of which no admin makes or takes over an account alone: they see any face, or manage models and accounts.
ROLES_NEEDING_TWO = ROLES_WITH[Right.SEE_FACES] | ROLES_WITH[Right.MANAGE_PEOPLE]


def require(user: RoleHolder, right: Right) -> None:
    """Raises PermissionDenied, which pages and API answer with 403, when the user's roles lack the right."""
    if not may(user, right):
        roles = " or ".join(sorted(ROLES_WITH[right]))
        raise PermissionDenied(f"This needs the role {roles}: {right.value}.")


def require_of_actor(actor: RoleHolder | None, right: Right) -> None:
    """`require` for services that also act without an account: None is the product itself, or its operator by a
    command, who needs the system's own rights for that. Callers always name the actor, so that none is forgotten."""
    if actor is not None:
        require(actor, right)


def may(user: RoleHolder, right: Right) -> bool:
    return user.has_role(*ROLES_WITH[right])


def _check(right: Right) -> Callable[[RoleHolder], bool]:
    def check(user: RoleHolder, /) -> bool:
        return may(user, right)

    return check


may_read_queue = _check(Right.READ_QUEUE)
may_decide = _check(Right.DECIDE)
may_oversee = _check(Right.OVERSEE)
may_see_all_reviewers = _check(Right.SEE_ALL_REVIEWERS)
may_see_audits = _check(Right.SEE_AUDITS)
may_see_insights = _check(Right.SEE_INSIGHTS)
may_see_faces = _check(Right.SEE_FACES)
may_read_audit_log = _check(Right.READ_AUDIT_LOG)
may_erase = _check(Right.ERASE)
may_see_retraining = _check(Right.SEE_RETRAINING)
may_see_snapshot_faces = _check(Right.SEE_SNAPSHOT_FACES)
may_freeze = _check(Right.FREEZE)
may_take_snapshot_images = _check(Right.TAKE_SNAPSHOT_IMAGES)
may_train = _check(Right.TRAIN)
may_promote = _check(Right.PROMOTE)
may_plant = _check(Right.PLANT)
may_have_tokens = _check(Right.HAVE_TOKENS)
may_see_webhooks = _check(Right.SEE_WEBHOOKS)
may_manage_webhooks = _check(Right.MANAGE_WEBHOOKS)
may_see_integrations = _check(Right.SEE_INTEGRATIONS)
may_manage_integrations = _check(Right.MANAGE_INTEGRATIONS)
may_see_people = _check(Right.SEE_PEOPLE)
may_manage_people = _check(Right.MANAGE_PEOPLE)
