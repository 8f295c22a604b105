"""Ways of training. A new one is one file that ends in `METHOD = Method(...)`, and its line here.

The room is entered before torch is: a method's hook imports what it needs of `counterpoint.training` when a run asks
for it, for parameters are checked against this registry by programs that train nothing.
"""

from counterpoint.methods import chord, dft, relift, rl, sft, sft_then_rl
from counterpoint.methods.method import ConfiguredMethod, Context, Method, Nothing

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        sft.METHOD,
        rl.METHOD,
        sft_then_rl.METHOD,
        dft.METHOD,
        chord.METHOD,
        relift.METHOD,
    )
}

__all__ = ["METHODS", "ConfiguredMethod", "Context", "Method", "Nothing"]
