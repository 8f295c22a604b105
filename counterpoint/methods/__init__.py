"""Ways of training. A new one is one file that ends in `METHOD = Method(...)`, and its line here.

The room knows nothing of torch or of `counterpoint.training`: parameters are checked against this registry by programs
that train nothing. What a method's trainer needs of a run it finds in the trainer class that it extends.
"""

from counterpoint.methods import chord, dft, relift, rl, sft, sft_then_rl
from counterpoint.methods.method import ConfiguredMethod, Method, NoOptions

FILES = (sft, rl, sft_then_rl, dft, chord, relift)
METHODS: dict[str, Method] = {file.METHOD.name: file.METHOD for file in FILES}

__all__ = ["METHODS", "ConfiguredMethod", "Method", "NoOptions"]
