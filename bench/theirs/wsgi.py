"""Label Studio's application for granian. Runs in Label Studio's environment, not in the project's."""

import os
import sys
from importlib.util import find_spec

found = find_spec("label_studio")
assert found is not None
assert found.submodule_search_locations
# Label Studio's own start does the same, because its apps import each other without the package's name.
sys.path.insert(0, found.submodule_search_locations[0])
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "label_studio.core.settings.label_studio")

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
