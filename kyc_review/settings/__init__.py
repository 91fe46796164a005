"""Settings, read from the environment only (.env.example lists every variable).

Secrets and addresses have no default: a process that lacks one stops at start and names it.

base: what Django asks for. build: version and build. http: transport, uploads, static files, branding.
auth: passwords, sessions, second factor.
api: keys, limits and the API's document. audit: seals of the audit log. celery: broker, queues, schedule.
encryption: of pictures at rest. product: what the bank can choose.
single_sign_on: login at the bank's identity provider. storage: where files are.

Django reads the names of one module, so this one gathers those of the others. A name is set in one of them only
(tests/kyc_review/test_settings.py), so their order means nothing.
"""

# ruff: noqa: F403
from kyc_review.settings.api import *
from kyc_review.settings.audit import *
from kyc_review.settings.auth import *
from kyc_review.settings.base import *
from kyc_review.settings.build import *
from kyc_review.settings.celery import *
from kyc_review.settings.encryption import *
from kyc_review.settings.environment import *
from kyc_review.settings.http import *
from kyc_review.settings.product import *
from kyc_review.settings.single_sign_on import *
from kyc_review.settings.storage import *
