"""Who may open the pages of the retraining loop."""

from kyc_review.core.permissions import Right, RoleHolder, require


def require_retraining_access(user: RoleHolder) -> None:
    """Raises PermissionDenied, which the page of refusals shows, unless the user may see retraining."""
    require(user, Right.SEE_RETRAINING)
