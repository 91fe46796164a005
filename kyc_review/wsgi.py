import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402  (only now)
from django.db import connections  # noqa: E402

from kyc_review.encryption.startup import keys_announce  # noqa: E402

# Clients repeat what is answered 503; a worker waits for the lock, and for the answer, instead.
connections.databases["default"]["LOCK_WAIT_S"] = settings.REQUEST_LOCK_WAIT_S
keys_announce()
connections.close_all()  # threads open their own
# Only now: it starts a thread, which a server that loads the application before it forks would not take along.
connections.databases["default"]["STATEMENT_WAIT_S"] = settings.REQUEST_STATEMENT_WAIT_S

# What was imported stays: looking through it again and again for garbage takes time from every post.
gc.collect()
gc.freeze()
