"""Matrix calculus in index notation.

After Laue, Mitterreiter and Giesen, "A Simple and Efficient Tensor Calculus",
AAAI 2020: expressions are read into a graph of sums, Einstein products and
functions (`graph`), derived there in reverse mode (`reverse`), and only then
written as matrices (`matrix_form`), as sums over indices (`index_form`) and
as code (`code`). Graphs can be built without text as well; a derivation gives
the gradients by several variables, and what they share as deltas:

>>> from dlcalc.expr.parse import parse
>>> from dlcalc.symbolic.matrix.derive import Derivation
>>> from dlcalc.symbolic.matrix.graph import Graph
>>> from dlcalc.symbolic.matrix.matrix_form import Writer
>>> from dlcalc.symbolic.matrix.read import Reader
>>> g = Graph()
>>> shapes = {"X": ("n", "d"), "W": ("d", "h"), "b": ("h",), "Y": ("n", "h")}
>>> names = {name: g.variable(name, shape) for name, shape in shapes.items()}
>>> reader = Reader(g, names)
>>> z = reader.node(parse("X@W + b"))
>>> loss = Reader(g, {**names, "z": z}).node(parse("sum((tanh(z) - Y)**2)/2"))
>>> found = Derivation(g, loss, [names["W"], names["b"]], names, labels={z: ("z2", "delta2")})
>>> for slope in found.slopes:
...     print(slope.by.data, "=", Writer(g).expr(slope.meaning))
z2 = (tanh(z2) - Y)*(1 - tanh(z2)**2)
W = X.T@delta2
b = sum(delta2, axis=0)
"""
