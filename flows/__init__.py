"""The graph of dvc.yaml run side by side, one stoppable child process a stage: alone (parallel.py) or on Prefect.

Prefect reads its settings when it is imported, so they are set here, before any module of this package can import it.
What the user has set stays.
"""

import os
from pathlib import Path

# A server that a flow starts for itself migrates its database first: over 20 s, Prefect's own limit, on a cold machine.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
os.environ.setdefault("PREFECT_HOME", str(Path(__file__).resolve().parent.parent / ".prefect"))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
