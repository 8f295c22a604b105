"""RL that starts from an SFT model of the same sample and seed: python -m stages.sft_then_rl sft_then_rl-small-2k-0

Writes data/models/RUN (the model) and data/runs/RUN/train (run.json and one Parquet file a table).
"""

from functools import partial

from stages.common import main
from stages.training import program

if __name__ == "__main__":
    main(partial(program, "sft_then_rl"))
