"""Settings, read from the environment only (.env.example lists every variable).

Secrets and addresses have no default: a process that lacks one stops at start and names it.

base: what Django asks for. http: transport, uploads, static files, branding. auth: passwords, sessions, second factor.
api: keys, limits and the API's document. celery: broker, queues, schedule. product: what the bank can choose.
"""

from kyc_review.settings.api import *  # noqa: F403
from kyc_review.settings.auth import *  # noqa: F403
from kyc_review.settings.base import *  # noqa: F403
from kyc_review.settings.celery import *  # noqa: F403
from kyc_review.settings.environment import *  # noqa: F403
from kyc_review.settings.http import *  # noqa: F403
from kyc_review.settings.product import *  # noqa: F403
