"""Draw the nested, stratified samples that SFT and RL share: python -m stages.sample

Reads data/problems/problems.parquet; writes data/samples/samples.parquet and manifest.json.
"""

from __future__ import annotations

import logging

from counterpoint import files, params, problem, sampling, tables
from stages.common import MANIFEST, PROBLEMS, SAMPLES, main

log = logging.getLogger("sample")


def program(arguments: list[str]) -> None:
    """Publish the samples of params.yaml. Raises `UserError` for a sample larger than the pool."""
    settings = params.load().sampling
    pool = problem.load(PROBLEMS, splits=["train"])
    rows, manifest = sampling.draw(pool, settings.seed, settings.sizes)
    tables.write("samples", rows, SAMPLES)
    files.write_json(MANIFEST, manifest, sort_keys=True)
    for name, sample in manifest["samples"].items():
        log.info("%s: %d of %d problems in %d strata", name, sample["size"], len(pool), len(sample["strata"]))


if __name__ == "__main__":
    main(program)
