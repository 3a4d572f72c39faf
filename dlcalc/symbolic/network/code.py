from dlcalc.symbolic.network.equations import Equations
def numpy_code(equations: Equations) -> str:
    return ""
