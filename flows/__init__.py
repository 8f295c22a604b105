"""The graph of dvc.yaml run side by side, one stoppable child process a stage: alone (parallel.py) or on Prefect.

Prefect reads its settings when it is imported, so they are set here, before any module of this package can import it.
What the user has set stays.
"""

import os
from pathlib import Path

os.environ.setdefault("PREFECT_HOME", str(Path(__file__).resolve().parent.parent / ".prefect"))
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
# A run whose machine or process vanished is told by these missing (flows/heartbeat.py); Prefect's shortest interval.
os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
