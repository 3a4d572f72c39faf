"""Random expressions in numbers, as text."""

from __future__ import annotations

from hypothesis import strategies as st

from dlcalc.symbolic.scalar.rules import RULES

SINGLE = [n for n, rule in RULES.items() if n.isidentifier() and len(rule.slopes) == 1]
PAIRS = ["max", "min", "mse", "mae", "bce", "huber", "prelu", "elu", "leaky_relu", "heaviside"]
LEAVES = st.sampled_from(["x", "x", "x", "w", "b", "2", "3", "0.5", "pi", "1", "0", "10", "1e-3"])
EXPONENTS = st.sampled_from(["2", "3", "-1", "0.5", "(1/3)", "-2", "x", "w", "0", "1.5", "100"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, EXPONENTS).map(lambda t: f"({t[0]})**{t[1]}"),
        inner.map(lambda text: f"-{text}"),
        st.tuples(st.sampled_from([n for n in SINGLE if n != "neg"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(st.sampled_from(PAIRS), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    )


EXPRESSIONS = st.recursive(LEAVES, larger, max_leaves=8)
