"""dlcalc: the command-line calculator for deep learning.

The Python surface is the functions behind the commands, loaded when first used:

>>> import dlcalc
>>> str(dlcalc.shape("3x32x32 conv:6,k5 maxpool:2").value)
'6x14x14'
>>> dlcalc.params("resnet50").value
25557032
"""

__version__ = "0.1.0"
__all__ = ["__version__", "params", "shape"]


def __getattr__(name: str) -> object:
    # Importing dlcalc must cost nothing, so the functions come on demand.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"dlcalc.answers.{name}"), name)
    raise AttributeError(f"module 'dlcalc' has no attribute {name!r}")
