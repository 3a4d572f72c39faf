"""dlcalc: the command-line calculator for deep learning.

The Python surface is the functions behind the commands, loaded when first used:

>>> import dlcalc
>>> str(dlcalc.shape("3x32x32 conv:6,k5 maxpool:2").value)
'6x14x14'
>>> dlcalc.params("resnet50").value
25557032
"""

__version__ = "0.1.0"
__all__ = [
    "ClaimError",
    "InputError",
    "__version__",
    "activation",
    "bootstrap",
    "forward",
    "grad",
    "loss",
    "norm",
    "params",
    "shape",
    "softmax",
    "split",
    "step",
    "train",
    "train_seeds",
]


def __getattr__(name: str) -> object:
    # Importing dlcalc must cost nothing, so everything comes on demand.
    if name not in __all__:
        raise AttributeError(f"module 'dlcalc' has no attribute {name!r}")
    from importlib import import_module

    home = "dlcalc.errors" if name.endswith("Error") else f"dlcalc.answers.{name}"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
