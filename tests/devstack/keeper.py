"""A small supervisor for the tests to kill: both services, their addresses on stdout, then it waits to be
killed."""

import json
import sys
import time
from pathlib import Path

from devstack import services
from devstack.errors import StackRefused

if __name__ == "__main__":
    try:
        with services.ensure(state_dir=Path(sys.argv[1])) as urls:
            print(json.dumps(urls.environment | urls.owner_environment), flush=True)
            time.sleep(3600)
    except StackRefused as refused:
        sys.exit(f"error: {refused}")
