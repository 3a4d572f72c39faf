"""Every function of the expression language, and what other tools call them."""

from __future__ import annotations

from typing import NamedTuple


class Function(NamedTuple):
    """What a function takes: how many arguments, and whether it works element by element."""

    least: int
    most: int
    #: ``each`` works element by element, ``reduce`` may take axis=, ``matrix`` is neither.
    kind: str
    summary: str


#: Every function of the language.
FUNCTIONS: dict[str, Function] = {
    "exp": Function(1, 1, "each", "e to the x"),
    "log": Function(1, 1, "each", "the natural logarithm"),
    "log1p": Function(1, 1, "each", "log(1 + x)"),
    "expm1": Function(1, 1, "each", "exp(x) - 1"),
    "sqrt": Function(1, 1, "each", "the square root"),
    "abs": Function(1, 1, "each", "the absolute value"),
    "sign": Function(1, 1, "each", "-1, 0 or 1"),
    "sin": Function(1, 1, "each", "the sine"),
    "cos": Function(1, 1, "each", "the cosine"),
    "tan": Function(1, 1, "each", "the tangent"),
    "sinh": Function(1, 1, "each", "the hyperbolic sine"),
    "cosh": Function(1, 1, "each", "the hyperbolic cosine"),
    "tanh": Function(1, 1, "each", "the hyperbolic tangent"),
    "sigmoid": Function(1, 1, "each", "1/(1 + exp(-x))"),
    "relu": Function(1, 1, "each", "max(x, 0)"),
    "leaky_relu": Function(1, 2, "each", "x above 0, else slope*x; the slope is 0.01"),
    "prelu": Function(2, 2, "each", "x above 0, else slope*x, of (x, slope)"),
    "elu": Function(1, 2, "each", "x above 0, else alpha*(exp(x) - 1); alpha is 1"),
    "selu": Function(1, 1, "each", "elu, scaled to keep mean 0 and variance 1"),
    "gelu": Function(1, 1, "each", "x times the normal distribution function"),
    "silu": Function(1, 1, "each", "x*sigmoid(x)"),
    "softplus": Function(1, 1, "each", "log(1 + exp(x))"),
    "softsign": Function(1, 1, "each", "x/(1 + abs(x))"),
    "hardtanh": Function(1, 1, "each", "x cut at -1 and 1"),
    "erf": Function(1, 1, "each", "the error function"),
    "heaviside": Function(1, 2, "each", "0 below 0, 1 above, at 0 the second argument, or 1/2"),
    "max": Function(1, 2, "reduce", "the larger of two, element by element, or the largest"),
    "min": Function(1, 2, "reduce", "the smaller of two, element by element, or the least"),
    "sum": Function(1, 1, "reduce", "the sum"),
    "mean": Function(1, 1, "reduce", "the mean"),
    "logsumexp": Function(1, 1, "reduce", "log(sum(exp(x)))"),
    "softmax": Function(1, 1, "reduce", "exp(x)/sum(exp(x)), along the last axis"),
    "hardmax": Function(
        1, 1, "reduce", "1 at the largest entry along the last axis, shared where several are"
    ),
    "log_softmax": Function(1, 1, "reduce", "the logarithm of softmax"),
    "norm": Function(1, 1, "matrix", "the Euclidean or Frobenius norm"),
    "norm1": Function(1, 1, "matrix", "the sum of absolute values"),
    "dot": Function(2, 2, "matrix", "the product of two vectors"),
    "outer": Function(2, 2, "matrix", "the matrix x[i]*y[j] of two vectors"),
    "tr": Function(1, 1, "matrix", "the trace"),
    "det": Function(1, 1, "matrix", "the determinant"),
    "logdet": Function(1, 1, "matrix", "the logarithm of the determinant's absolute value"),
    "inv": Function(1, 1, "matrix", "the inverse"),
    "diag": Function(1, 1, "matrix", "the diagonal, or the matrix with this diagonal"),
    "eye": Function(1, 1, "matrix", "the unit matrix of a size"),
    "ones": Function(1, 3, "matrix", "a vector or matrix of ones, of one size or more"),
    "cross_entropy": Function(
        2, 2, "matrix", "-sum(targets*log_softmax(logits)), (logits, targets)"
    ),
    "bce": Function(2, 2, "matrix", "binary cross-entropy of (probabilities, targets), the mean"),
    "mse": Function(2, 2, "matrix", "mean((prediction - target)**2)"),
    "mae": Function(2, 2, "matrix", "mean(abs(prediction - target))"),
    "huber": Function(
        2, 3, "matrix", "mean of d**2/2 up to abs(d) = delta, linear beyond; delta is 1"
    ),
}
# What other tools call them.
ALIASES = {
    "ln": "log",
    "swish": "silu",
    "logistic": "sigmoid",
    "trace": "tr",
    "sgn": "sign",
    "sum_": "sum",
    "average": "mean",
    "maximum": "max",
    "minimum": "min",
    "inverse": "inv",
    "fabs": "abs",
    "theta": "heaviside",
    "lse": "logsumexp",
    "matmul": "dot",
}
