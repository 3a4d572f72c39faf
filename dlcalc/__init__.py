"""dlcalc: the command-line calculator for deep learning.

The Python surface is the functions behind the commands, loaded when first used:

>>> import dlcalc
>>> str(dlcalc.shape("3x32x32 conv:6,k5 maxpool:2").value)
'6x14x14'
>>> dlcalc.params("resnet50").value
25557032
"""

# As a type checker knows it, without the import of typing: importing dlcalc must cost nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlcalc.answers.activation import activation as activation
    from dlcalc.answers.bootstrap import bootstrap as bootstrap
    from dlcalc.answers.box import box as box
    from dlcalc.answers.compare import compare_params as compare_params
    from dlcalc.answers.compare import compare_shape as compare_shape
    from dlcalc.answers.explain import explain as explain
    from dlcalc.answers.export import export as export
    from dlcalc.answers.forward import forward as forward
    from dlcalc.answers.grad import grad as grad
    from dlcalc.answers.loss import loss as loss
    from dlcalc.answers.norm import norm as norm
    from dlcalc.answers.params import params as params
    from dlcalc.answers.schema import schema as schema
    from dlcalc.answers.shape import shape as shape
    from dlcalc.answers.softmax import softmax as softmax
    from dlcalc.answers.solve import solve as solve
    from dlcalc.answers.split import split as split
    from dlcalc.answers.step import step as step
    from dlcalc.answers.train import train as train
    from dlcalc.answers.train_seeds import train_seeds as train_seeds
    from dlcalc.answers.versus import versus_params as versus_params
    from dlcalc.answers.versus import versus_shape as versus_shape
    from dlcalc.answers.vocabulary import zoo as zoo
    from dlcalc.concepts.check import check as check
    from dlcalc.errors import ClaimError as ClaimError
    from dlcalc.errors import InputError as InputError

__version__ = "0.1.0"

# Everything comes on demand, from the module named here.
_HOMES = {
    "ClaimError": "dlcalc.errors",
    "InputError": "dlcalc.errors",
    "activation": "dlcalc.answers.activation",
    "bootstrap": "dlcalc.answers.bootstrap",
    "box": "dlcalc.answers.box",
    "check": "dlcalc.concepts.check",
    "compare_params": "dlcalc.answers.compare",
    "compare_shape": "dlcalc.answers.compare",
    "explain": "dlcalc.answers.explain",
    "export": "dlcalc.answers.export",
    "forward": "dlcalc.answers.forward",
    "grad": "dlcalc.answers.grad",
    "loss": "dlcalc.answers.loss",
    "norm": "dlcalc.answers.norm",
    "params": "dlcalc.answers.params",
    "schema": "dlcalc.answers.schema",
    "shape": "dlcalc.answers.shape",
    "softmax": "dlcalc.answers.softmax",
    "solve": "dlcalc.answers.solve",
    "split": "dlcalc.answers.split",
    "step": "dlcalc.answers.step",
    "train": "dlcalc.answers.train",
    "train_seeds": "dlcalc.answers.train_seeds",
    "versus_params": "dlcalc.answers.versus",
    "versus_shape": "dlcalc.answers.versus",
    "zoo": "dlcalc.answers.vocabulary",
}
__all__ = ["__version__", *_HOMES]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'dlcalc' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
