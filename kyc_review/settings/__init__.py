"""Settings, read from the environment only (.env.example lists every variable).

Secrets and addresses have no default: a process that lacks one stops at start and names it.

base: what Django asks for. site: what a browser meets. people: who may come in. api: who may ask by script.
background: Celery and what is done again and again. rooms: what the bank chooses for each room.
"""

from kyc_review.settings.api import *  # noqa: F403
from kyc_review.settings.background import *  # noqa: F403
from kyc_review.settings.base import *  # noqa: F403
from kyc_review.settings.environment import *  # noqa: F403
from kyc_review.settings.people import *  # noqa: F403
from kyc_review.settings.rooms import *  # noqa: F403
from kyc_review.settings.site import *  # noqa: F403
