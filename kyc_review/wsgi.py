import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
application = get_wsgi_application()

# What was imported stays: looking through it again and again for garbage takes time from every post.
gc.collect()
gc.freeze()
