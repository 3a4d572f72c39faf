"""The catalogue by its Chinese terms, and the links between claims that contradict each other."""

from __future__ import annotations

import pytest

from dlcalc.concepts.catalogue import entries, find, search

#: A Chinese term of the notes, and a claim that it has to find: systems, then worked examples.
TERMS = {
    "神经元": "neuron-affine-activation",
    "感知机": "neuron-affine-activation",
    "MP 神经元": "mp-neuron-logic-gates",
    "人工神经网络": "dnn-hidden-depth-definition",
    "异或": "xor-needs-nonlinearity",
    "前馈": "rnn-has-memory",
    "反馈": "rnn-has-memory",
    "深度信念网络": "dbn-rbm-pretraining",
    "受限玻尔兹曼机": "dbn-rbm-pretraining",
    "预训练": "pretraining-helps-deep-sigmoid",
    "卷积神经网络": "cnn-beats-mlp-on-shifted-patterns",
    "子采样": "s2-subsampling-layer",
    "LeNet": "lenet5-shapes-params",
    "VGG": "vgg16-params",
    "inception 网络": "googlenet-inception-params",
    "深度残差网络": "resnet-trains-deeper",
    "反卷积": "transposed-convolution-inverse",
    "最大池化": "max-beats-overlap-and-mean",
    "重叠池化": "max-beats-overlap-and-mean",
    "随机池化": "stochastic-pooling",
    "循环神经网络": "rnn-step-formula",
    "随时间反向传播": "bptt-sum-over-time",
    "记忆": "rnn-memory-decays",
    "十个时刻": "rnn-ten-step-limit",
    "多对一": "rnn-weight-sharing-variable-length",
    "多层 LSTM": "lstm-long-recall",
    "批标准化": "bn-zero-mean-unit-variance",
    "梯度裁剪": "gradient-clipping",
    "梯度消失": "sigmoid-depth-vanishing",
    "k折": "kfold-partition",
    "自助法": "bootstrap-limit",
    "没有免费的午餐": "no-free-lunch",
    "奥卡姆剃刀": "occam-razor",
    "上采样": "up-down-sampling-data",
    "下采样": "up-down-sampling-image",
    "特征标准化": "zscore-sample-std",
    "对比损失": "contrastive-loss",
    "32x32": "conv-32-5-28",
    "(32-5)/1+1": "conv-32-5-28",
    "(I-K)/S+1": "valid-divides-by-two",
    "64+128+32+32=256": "googlenet-inception-params",
    "6x6x128": "conv1x1-128-to-32",
    "7:3": "holdout-7-3",
    "0.368": "bootstrap-limit",
}
#: Places where the notes say two things, as the two claims or the one that judges both.
CONTRADICTIONS = [
    ("conv-spatial-invariance", "pooling-translation-invariance"),
    ("vanishing-hits-last-layers", "sigmoid-depth-vanishing"),
    ("gru-update-gate-direction", "gru-two-gates-coupled"),
    ("pool-28-stride1-14", "pool-output-size"),
    ("convolution-definition", "conv-is-cross-correlation"),
    ("chain-rule-superscripts", "chain-rule-output-weights"),
    ("mse-missing-square", "chain-rule-output-weights"),
    ("softmax-index-typo", "softmax-sums-to-one"),
    ("gated-rnn-solves-explosion", "lstm-may-explode"),
    ("l1-step-formula", "l1-l2-penalty-definitions"),
    ("rnn-has-memory", "rnn-memory-decays"),
    ("relu-derivative-sgn", "relu-gates-on-input-sign"),
]


@pytest.mark.parametrize("term", TERMS)
def test_a_term_of_the_notes_finds_its_claim(term: str) -> None:
    assert TERMS[term] in [slug for slug, _ in search(term)]


@pytest.mark.parametrize(("one", "other"), CONTRADICTIONS)
def test_a_contradiction_is_linked(one: str, other: str) -> None:
    assert other in find(one).contradicts


@pytest.mark.parametrize("slug", entries())
def test_links_go_both_ways(slug: str) -> None:
    for other in find(slug).contradicts:
        assert slug in find(other).contradicts and slug != other
