"""Two layers of LeNet-5 as it was built, which no framework has.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, section II.B. The paper counts connections, not products.
"""

from __future__ import annotations

from dlcalc.errors import LayerError
from dlcalc.layers.argument import Argument
from dlcalc.layers.axis import Axis
from dlcalc.layers.base import Layer, Parts, Tensors, known_channels
from dlcalc.layers.convention import Convention
from dlcalc.layers.shape import Shape
from dlcalc.layers.size import Size, product
from dlcalc.layers.window import KERNEL, Spatial, WindowLayer, each, too_small


class Subsample(WindowLayer):
    """The sum of each window times a trained coefficient, plus a trained bias.

    The coefficient and the bias are one each for a channel; windows do not
    overlap.
    """

    words = ("subsample",)
    arguments = (KERNEL._replace(help="size of the window, and how far it moves"),)
    macs_unknown = "a window is summed before its one product with a trained coefficient"
    example = "6x28x28 subsample:2 tanh"

    def window_axes(self, spatial: Spatial, convention: Convention) -> tuple[Axis, ...]:
        kernels = each(self.kernel, len(spatial), "kernel")
        return tuple(Axis.window(kernel=k, stride=k, begin=0, end=0) for k in kernels)

    def axis_formula(self, n: Size, position: int, spatial: Spatial, convention: Convention) -> str:
        kernel = each(self.kernel, len(spatial), "kernel")[position]
        return f"({n!s} - {kernel})//{kernel} + 1"

    def does_not_fit(
        self, spatial: Spatial, axes: tuple[Axis, ...], convention: Convention
    ) -> LayerError:
        return too_small(self.kernel, (1,), ((0, 0),) * len(axes), spatial, axes)

    def parameters(self, shape: Shape, convention: Convention) -> Tensors:
        channels = known_channels(shape.as_side(), "subsample")
        return {"weight": (channels,), "bias": (channels,)}

    def parts(self, shape: Shape, output: Shape) -> Parts:
        return {"bias": product(output.sizes)}

    def connections(self, shape: Shape, output: Shape) -> Size:
        """Each value of each window, and a bias for each output."""
        window = product(each(self.kernel, len(shape.spatial), "kernel"))
        return product(output.sizes) * (window + 1)

    def unshared(self, shape: Shape, output: Shape, convention: Convention) -> Size:
        """A coefficient and a bias for each output."""
        return 2 * product(output.sizes)


class Rbf(Layer):
    """Radial basis functions: squared distances of the features to fixed prototypes.

    The prototypes, drawn bitmaps of the characters, are kept and not trained.
    """

    words = ("rbf",)
    arguments = (Argument("out", "size", "how many prototypes"),)
    macs_unknown = "a squared distance to a fixed prototype is no product with a trained number"
    example = "84 rbf:10"

    out: Size

    def output_shape(self, shape: Shape, convention: Convention) -> Shape:
        known_channels(shape, "rbf")
        if len(shape.sizes) > 1:
            raise LayerError(f"rbf needs features, but gets {shape}", "Write flatten before it.")
        return shape.with_sizes((self.out,))

    def axes(self, shape: Shape, convention: Convention) -> tuple[Axis, ...] | None:
        return None

    def buffers(self, shape: Shape, convention: Convention) -> Tensors:
        return {"weight": (self.out, shape.sizes[-1])}

    def connections(self, shape: Shape, output: Shape) -> Size:
        """Each feature for each prototype."""
        return product(shape.sizes) * self.out
