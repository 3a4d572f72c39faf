"""Every JSON answer has the form that its schema says, and the schemas say nothing more."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import readme

from dlcalc.answers.schema import commands, schema
from dlcalc.cli.group import COMMANDS, dlcalc
from dlcalc.cli.run import run
from dlcalc.errors import InputError
from dlcalc.formulas.optimisers import RULES

#: Questions whose answers hold what no example of the help or the README does.
MORE = """
shape 3xHxW conv:64,k7,s2,p3 --solve 64x112x112 --verify
shape 1x28x28 conv:1,k=3x_,s2 --solve 1x13x14
shape 1xHx28 conv:1,k_,s2 --solve 1x14x14
shape 1x9 crop:2+0 conv:1,k2,s9,p1 --box 0
shape 1x9 'concat[conv:1,k3,p1 | conv:1,k3,p2,d2 | conv:1,k2,p=0+1]' --box 8
shape 1x9 convtranspose:1,k3,s2 --box 4 --verify
params lenet5-1998
params googlenet
params 128 embedding:1000,64 2*decoder:4 dense:1000,tied=embedding1
params 128x64 moe:8,active=2[dense:256 relu dense:64]
params tests/data/models/digits.json --verify
params tests/data/models/config.json
params tests/data/models/head.safetensors
params tests/data/models/printed.txt
params tests/data/models/model.safetensors.index.json
shape tests/data/models/digits.json
shape 7 tests/data/models/config.json --batch N
params 3x32x32 conv:6,k5 --batch N --dtype float16
params resnet50 --explain 5G
params Tx128 lstm:64 --explain 49.4k
params 128x128x3 conv:6,k3 relu --layout hwc --versus 'conv:6,k5 tanh'
params CxHxW conv:6,k3 --versus 'conv:6,k5 relu'
shape 28 maxpool:2 relu --versus maxpool:3
forward '[[1,2],[3,4]]' conv:1,k2 --flip --verify
activation relu --at 0 --verify
activation exp
loss bce --from-logits --target 1,0 --prediction -800,3
loss mse --target 1,2,9
loss bce --target 0.3 --through sigmoid
loss mse --half --target 0 --through sigmoid --verify
loss mse --target 1,2 --prediction 0,0 --reduction none
loss ce --target 0,1,1 --from-logits
grad 'x*y' --wrt x,y --at x=1,y=2 --hessian
grad 'sum(relu(x))' --wrt x --shape x=3 --at x=1,0,-1
grad --net 2-2-2 --wrt 'w[3,1,1]' --at notes
grad 'abs(x)' --at x=0 --at-kink right
train-toy xor --lr 1e6 --optimizer sgd --epochs 5
train-toy xor --seeds 2 --epochs 20
train-toy sine --epochs 2
train-toy moons --epochs 30 --validation 0.3 --early-stopping 1
train-toy sine --epochs 2 --validation 0.3
train-toy sine --seeds 2 --epochs 2
train-toy moons --seeds 2 --epochs 3 --lr 1e300 --optimizer sgd
softmax 1,2,3 --target 1 --jacobian --find --verify
softmax 0,-1000 --target 1
bootstrap --errors 0.05,0.3 --verify
bootstrap --within 0.001 --verify
split 20 --kfold 4 --batch 5 --epochs 2 --verify
split --stratify a,a,b,b,b,a --kfold 2
split --stratify a,b,b,b --kfold 2
split 30 --bootstrap --verify
split 10 --holdout 7:3
step --weights 1,-2 --grad 0.5,1 --lr 0.1 --l2 0.1 --steps 3 --clip-norm 1 --optimizer momentum
step --weights 0.5,-1 --lr 0.1 --l1 0.01 --proximal --steps 4
step --weights 0.5 --grad 1 --lr 0.1 --clip-value 0.5 --optimizer rmsprop
step --function x^2 --start 1 --lr 1.5 --steps 20 --verify
norm zscore 1,2,3 --backward 1,0,0
norm batch '[[1],[3]]' '[[2],[6]]' --momentum 0.1
norm minmax 1,1,1
concepts 池化
concepts pool-28-stride1-14
check softmax-sums-to-one bootstrap-limit
schema
schema shape
layers conv
layers
zoo
zoo lenet5
"""
#: Members of lines of standard input, of notes, of nets of millions, of what is interrupted.
SELDOM = {
    "line",
    "error",
    "mend",
    "files",
    "file",
    "claims",
    "claim",
    "why",
    "value",
    "interrupted",
    "summary",
}
STREAMS = {
    "shape": "3x32x32 conv:6,k5\n28 maxpol:2\n",
    "params": "3x32x32 conv:6,k5\n28 dense\n",
    "softmax": "1,2,3\n1,x\n",
    "step": "--weights 1 --grad 2 --lr 0.1\n--weights\n",
    "norm": "",
}


def asked() -> Iterator[list[str]]:
    """The words of every question: of the help, of the README, and more."""
    lines = [line for line in MORE.splitlines() if line]
    lines += [f"step --weights 0.5 --grad 1 --optimizer {name}" for name in RULES]
    lines += [example.command.partition(" ")[2] for example in readme.examples()]
    for name in COMMANDS:
        command = dlcalc.get_command(None, name)  # type: ignore[arg-type]
        lines += [line.partition(" ")[2] for line in command.examples]  # type: ignore[union-attr]
    for line in dict.fromkeys(lines):
        words = [word for word in shlex.split(line) if word not in ("-q", "--json", "--plot")]
        alone = not {"|", "&&", "<", ">", "-"} & set(words)
        if words and words[0] in COMMANDS and alone and not _of_files(words):
            yield [*words, "--json"]


def _of_files(words: list[str]) -> bool:
    options = {"--save", "--resume", "--plot", "--weights", "--svg", "--update", "-o", "-f"}
    ending = re.compile(r"\.(csv|npz|md|svg|json|keras|py|onnx|txt|safetensors)")
    files = any(ending.search(w) for w in words if not w.startswith("tests/data/models/"))
    return files or (words[0] != "step" and bool(options & set(words)))


def answered(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """The documents that a command prints; none where it refuses."""
    capsys.readouterr()
    run(words)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]


def validator(command: str) -> jsonschema.Draft202012Validator:
    found: Any = schema(command).value
    return jsonschema.Draft202012Validator(found)


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    assert set(commands()) == set(COMMANDS)
    with pytest.raises(InputError, match="Did you mean shape"):
        raise_mend("shap")


def raise_mend(name: str) -> None:
    try:
        schema(name)
    except InputError as error:
        raise InputError(error.mend) from error


@pytest.mark.parametrize("command", commands())
def test_a_schema_is_one(command: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(command).value)  # type: ignore[arg-type]


@pytest.mark.parametrize("command", commands())
def test_answers_have_the_form_that_is_published(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[str] = set()
    for words in (words for words in asked() if words[0] == command):
        for document in answered(words, capsys):
            error = jsonschema.exceptions.best_match(validator(command).iter_errors(document))
            assert error is None, (" ".join(words), error.json_path, error.message[:300])
            seen |= set(names(document))
    unseen = published(schema(command).value) - seen - SELDOM
    assert not unseen, "the schema has members that no answer has"


def names(document: Any) -> Iterator[str]:
    """The names of all members, however deep."""
    if isinstance(document, dict):
        yield from document
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from names(part)


def published(part: Any) -> set[str]:
    """The names of all members that a schema knows."""
    if isinstance(part, list):
        return {name for each in part for name in published(each)}
    if not isinstance(part, dict):
        return set()
    own = part.get("properties", {})
    return set(own) | {name for each in part.values() for name in published(each)}


@pytest.mark.parametrize("command", STREAMS)
def test_lines_have_it_too(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(STREAMS[command].encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    for document in answered([command, "-", "--json"], capsys):
        validator(command).validate(document)


@pytest.mark.parametrize("command", [name for name in commands() if name != "schema"])
def test_another_member_or_a_missing_one_would_be_seen(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = next(words for words in asked() if words[0] == command and answered(words, capsys))
    document = answered(words, capsys)[0]
    assert validator(command).is_valid(document)
    assert not validator(command).is_valid({**document, "something": 1})
    fewer = [{k: v for k, v in document.items() if k != name} for name in document]
    assert not all(map(validator(command).is_valid, fewer))
