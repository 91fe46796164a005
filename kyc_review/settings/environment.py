"""Where settings come from, and where on disk this installation lies."""

import sys
from pathlib import Path

import environ
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parents[2]

# A secret that was made before a release named these files has none of them, and means what an empty one does.
MAY_BE_MISSING = ("SECRET_KEY_FALLBACKS",)


class _Variables(FileAwareMapping):
    """The environment, where a value may be in a file that NAME_FILE names, as orchestrators mount secrets."""

    def __getitem__(self, name: str) -> str:
        try:
            return str(super().__getitem__(name)).rstrip("\n")  # as editors and `echo` end a file
        except OSError as error:
            if isinstance(error, FileNotFoundError) and name in MAY_BE_MISSING:
                return ""
            # Ends any process with this one line: where secrets are mounted is found in no traceback.
            sys.exit(
                f"error: {name}_FILE names a file that cannot be read: {error.filename}: {error.strerror}. Mount the "
                f"secret there for this process's user, or correct the path; the file holds the value of {name} alone."
            )


class Env(environ.FileAwareEnv):
    ENVIRON = _Variables()


env = Env()

# Private state: originals, derivatives, bundles, snapshots. Never below a folder that a web server serves.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".local")))
BUNDLES_DIR = Path(env.str("BUNDLES_DIR", default=str(DATA_DIR / "bundles")))
BASELINE_BUNDLE = BASE_DIR / "detection" / "baseline"
