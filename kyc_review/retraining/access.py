"""Who may open the pages of the retraining loop."""

from django.core.exceptions import PermissionDenied

from kyc_review.core.permissions import RoleHolder, may_see_retraining


def require_retraining_access(user: RoleHolder) -> None:
    """Raises PermissionDenied, which the page of refusals shows, unless the user may see retraining."""
    if not may_see_retraining(user):
        raise PermissionDenied("Admins and auditors see retraining; your role does not.")
