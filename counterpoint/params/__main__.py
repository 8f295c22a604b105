"""Write params.yaml, and grid.yaml beside it, for a study (counterpoint/params/compose.py):

python -m counterpoint.params quick                      compose, if params.yaml holds another study
python -m counterpoint.params quick rl.learning_rate=1e-5
python -m counterpoint.params quick --fresh              as studies/ has it, without changes of one's own
"""

from __future__ import annotations

import argparse
import sys

from counterpoint.errors import UserError
from counterpoint.params import compose


def main(arguments: list[str]) -> int:
    """Compose a study; the exit code is 2, with one line, for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m counterpoint.params", description="Write params.yaml.")
    parser.add_argument("study", nargs="?", default="", help="a name from studies/; the present one if left out")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    parser.add_argument("--fresh", action="store_true", help="as studies/ has it, without changes of one's own")
    chosen = parser.parse_args(arguments)
    try:
        composed = compose.resolve(chosen.study, compose.split_settings(chosen.overrides), fresh=chosen.fresh)
        print(f"params.yaml: {composed.in_words()}{' (written)' if compose.save(composed) else ''}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
