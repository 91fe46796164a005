"""Which e-mail addresses are the bank's."""

from django.conf import settings


def is_banks_address(email: str) -> bool:
    """Whether notices may be sent there (NOTICE_EMAIL_DOMAINS)."""
    domain = email.rpartition("@")[2].lower()
    return "*" in settings.NOTICE_EMAIL_DOMAINS or domain in settings.NOTICE_EMAIL_DOMAINS
