"""The sandbox's documented answer about webhooks (docs/api.md): one reference whose first delivery fails."""

from kyc_review.core.sandbox import names_script

SCRIPT = "sandbox-failed-webhook"


def webhook_fails(external_ref: str, *, attempts_made: int) -> bool:
    """Whether the sandbox pretends that an attempt to deliver a webhook failed: the first one, for one script."""
    return names_script(external_ref, SCRIPT) and attempts_made == 0
