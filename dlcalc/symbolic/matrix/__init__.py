"""Matrix calculus in index notation.

After Laue, Mitterreiter and Giesen, "A Simple and Efficient Tensor Calculus",
AAAI 2020: expressions are read into a graph of sums, Einstein products and
functions (`graph`), derived there in reverse mode (`reverse`), and only then
written as matrices (`matrix_form`), as sums over indices (`index_form`) and
as code (`code`).
"""
