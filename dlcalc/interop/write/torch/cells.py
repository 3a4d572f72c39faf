"""Classes of PyTorch source for the recurrent layers that torch has no module for.

Those are layers with one bias vector for each gate, the plain one with a sigmoid, and
the gated unit that resets before the product with the state.
"""

from __future__ import annotations

_RECURRENT = '''\
class Recurrent(nn.Module):
    """Cells in layers and directions, each a loop over the steps of a sequence.

    The tensors are those of nn.RNNBase, with one ``bias`` where there is one vector.
    """

    gates = 1

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        biases: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        proj: int | None = None,
    ) -> None:
        super().__init__()
        self.hidden, self.state = hidden, hidden if proj is None else proj
        self.layers, self.dropout = layers, dropout
        self.suffixes = ("", "_reverse") if bidirectional else ("",)
        rows = self.gates * hidden
        for layer in range(layers):
            sizes = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.state)}
            names = (("bias",), ("bias_ih", "bias_hh"))[biases - 1] if biases else ()
            shapes: dict[str, tuple[int, ...]] = {**sizes, **{name: (rows,) for name in names}}
            if proj is not None:
                shapes["weight_hr"] = (proj, hidden)
            for suffix in self.suffixes:
                for name, shape in shapes.items():
                    drawn = torch.empty(shape).uniform_(-(hidden**-0.5), hidden**-0.5)
                    self.register_parameter(f"{name}_l{layer}{suffix}", nn.Parameter(drawn))
            inputs = len(self.suffixes) * self.state

    def forward(self, x: Tensor) -> Tensor:
        for layer in range(self.layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            x = torch.cat([self.read(x, f"_l{layer}{s}") for s in self.suffixes], dim=-1)
        return x

    def read(self, x: Tensor, suffix: str) -> Tensor:
        """The states of one cell at all steps."""
        own = {name: p for name, p in self.named_parameters() if name.endswith(suffix)}
        own = {name.removesuffix(suffix): p for name, p in own.items()}
        sums = x @ own["weight_ih"].T
        for name in own:
            if name.startswith("bias"):
                sums = sums + own[name]
        state = (x.new_zeros(len(x), self.state), x.new_zeros(len(x), self.hidden))
        outputs = []
        steps = list(sums.unbind(dim=1))
        for step in reversed(steps) if suffix.endswith("_reverse") else steps:
            state = self.step(step, state, own)
            outputs.append(state[0])
        if suffix.endswith("_reverse"):
            outputs.reverse()
        return torch.stack(outputs, dim=1)

    def step(
        self, sums: Tensor, state: tuple[Tensor, Tensor], own: dict[str, nn.Parameter]
    ) -> tuple[Tensor, Tensor]:
        """The output and the cell's state after a step, from what its input gives."""
        raise NotImplementedError
'''
_PLAIN = '''\
class {name}(Recurrent):
    """h = {curve}(W x + U h + b)."""

    def step(
        self, sums: Tensor, state: tuple[Tensor, Tensor], own: dict[str, nn.Parameter]
    ) -> tuple[Tensor, Tensor]:
        h, kept = state
        return torch.{curve}(sums + h @ own["weight_hh"].T), kept
'''
_LSTM = '''\
class OneBiasLSTM(Recurrent):
    """Input, forget and output gates around a cell state, with one bias for each."""

    gates = 4

    def step(
        self, sums: Tensor, state: tuple[Tensor, Tensor], own: dict[str, nn.Parameter]
    ) -> tuple[Tensor, Tensor]:
        h, c = state
        i, f, g, o = (sums + h @ own["weight_hh"].T).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        if "weight_hr" in own:
            h = h @ own["weight_hr"].T
        return h, c
'''
_GRU = '''\
class ResetBeforeGRU(Recurrent):
    """n = tanh(W x + U (r * h) + b): it resets before the product with the state."""

    gates = 3

    def step(
        self, sums: Tensor, state: tuple[Tensor, Tensor], own: dict[str, nn.Parameter]
    ) -> tuple[Tensor, Tensor]:
        h, kept = state
        sizes = [2 * self.hidden, self.hidden]
        from_input, candidate = torch.split(sums, sizes, dim=-1)
        of_gates, of_candidate = torch.split(own["weight_hh"], sizes)
        r, z = torch.sigmoid(from_input + h @ of_gates.T).chunk(2, dim=-1)
        n = torch.tanh(candidate + (r * h) @ of_candidate.T)
        return n + z * (h - n), kept
'''
#: The source of each class; the first is the base of the others.
CELLS = {
    "Recurrent": _RECURRENT,
    "OneBiasRNN": _PLAIN.replace("{name}", "OneBiasRNN").replace("{curve}", "tanh"),
    "SigmoidRNN": _PLAIN.replace("{name}", "SigmoidRNN").replace("{curve}", "sigmoid"),
    "OneBiasLSTM": _LSTM,
    "ResetBeforeGRU": _GRU,
}
