"""RL that reads traces too (CHORD, ReLIFT), one run of the grid: python -m stages.mixed relift-small-2k-0

Writes data/models/RUN (the model) and data/runs/RUN/train (run.json and one Parquet file a table).
"""

from functools import partial

from stages.common import main
from stages.training import program

if __name__ == "__main__":
    main(partial(program, "mixed"))
