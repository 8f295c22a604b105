"""`python -m counterpoint.audit RUN` is `counterpoint audit RUN`."""

from __future__ import annotations

import sys

from counterpoint.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "audit")
    main()
