"""Where settings come from, and where on disk this installation lies."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

# Private state: originals, derivatives, bundles, snapshots. Never below a folder that a web server serves.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".local")))
BUNDLES_DIR = Path(env.str("BUNDLES_DIR", default=str(DATA_DIR / "bundles")))
BASELINE_BUNDLE = BASE_DIR / "detection" / "baseline"
