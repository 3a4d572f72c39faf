"""Output sizes of convolution and pooling: the worked examples of the notes."""

from __future__ import annotations

from dlcalc.answers.shape import shape
from dlcalc.concepts.claim import CONDITIONS, ERRATUM, HOLDS, claim
from dlcalc.concepts.proof import INSIDE, OUTSIDE, PRINTED, RIGHT, Proof


def made(line: str) -> str:
    """The output shape that the engine makes of real arrays, as dlcalc shape --verify has it."""
    result = shape(line, verify=True)
    if result.failure:
        raise AssertionError(result.failure)
    return str(result.value)


@claim(
    "conv-32-5-28",
    title="A 5x5 kernel turns 32 into 28",
    chinese="卷积尺寸 32 → 28",
    terms=("(32-5)/1+1", "卷积输出尺寸"),
    sources=[("004", "convolution example")],
    statement="A 5x5 kernel with stride 1 and no padding fits into 28 places along 32 pixels.",
    statement_chinese="5x5 的卷积核以步幅 1、不填充滑过 32 个像素，共有 28 个位置。",
    verdict=HOLDS,
    formula="(32 - 5)//1 + 1 == 28",
    commands=["dlcalc shape 3x32x32 conv:6,k5 --verify"],
)
def conv_32_5_28(proof: Proof) -> None:
    one = proof.subject("the + 1", 1, 0)
    proof.equal("(32 - 5)//1 + 1", 28, (32 - 5) // 1 + one)
    proof.equal("the engine's map", "6x28x28", made("3x32x32 conv:6,k5"))


@claim(
    "pool-28-stride1-14",
    title="A 2x2 pooling with stride 1 turns 28 into 14",
    chinese="池化尺寸",
    terms=("池化步幅", "(28-2)/2+1"),
    sources=[("004", "pooling example")],
    statement="""Printed: a 2x2 window with stride 1 makes 14 of 28. The formula beside it
        divides by 2: 14 is right for stride 2, and stride 1 makes 27.""",
    statement_chinese="""原文说 2x2、步幅 1 的池化把 28 变成 14；
        其公式除以 2，即步幅 2 才得 14，步幅 1 得 27。""",
    verdict=ERRATUM,
    formula="(28 - 2)//2 + 1 == 14",
    commands=["dlcalc shape 28 maxpool:2,s2 --verify", "dlcalc shape 28 maxpool:2,s1 --verify"],
)
def pool_28_stride1_14(proof: Proof) -> None:
    stride = proof.subject("the stride of the text", 1, 2)
    proof.differs(f"(28 - 2)//{stride} + 1", 14, (28 - 2) // stride + 1)
    engine = made("28 maxpool:2,s1")
    proof.fails("the engine makes 14 at stride 1", engine == "14", f"it makes {engine}", PRINTED)
    proof.equal("(28 - 2)//2 + 1", 14, (28 - 2) // 2 + 1, RIGHT)
    proof.equal("the engine at stride 2", "14", made("28 maxpool:2,s2"), RIGHT)


@claim(
    "maxpool-halves",
    title="A 2x2 max pooling halves the sides",
    chinese="最大池化尺寸减半",
    terms=("池化后尺寸减半",),
    sources=[("004", "pooling example")],
    statement="A 2x2 window with stride 2 halves even sides, and rounds odd ones down.",
    statement_chinese="2x2、步幅 2 的池化使偶数边长减半；奇数边长向下取整。",
    verdict=CONDITIONS,
    conditions="The side is even. An odd one loses its last row: 7 becomes 3.",
    formula="(n - 2)//2 + 1 == n//2",
    commands=["dlcalc shape 28 maxpool:2 --verify", "dlcalc shape 7 maxpool:2 --compare"],
)
def maxpool_halves(proof: Proof) -> None:
    odd = proof.subject("an odd side", 7, 8)
    for side in (2, 8, 28, 224):
        proof.equal(f"{side} halved", side / 2, float(made(f"{side} maxpool:2")), INSIDE)
    proof.fails(f"{odd} halved", float(made(f"{odd} maxpool:2")) == odd / 2, part=OUTSIDE)
