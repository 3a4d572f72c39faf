"""The languages that a net is written in: each has its writer, its rules and its options."""

from __future__ import annotations

import pytest

from dlcalc.answers.export import export
from dlcalc.errors import InputError
from dlcalc.interop.write.targets import TARGETS
from dlcalc.layers.convention import CONVENTIONS


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_writes_by_rules_that_there_are(name: str) -> None:
    target = TARGETS[name]
    assert target.like in CONVENTIONS
    assert set(target.takes) <= {"class_name", "train", "weights"}
    assert export("4 dense:3", to=name).value.endswith("\n")
    assert "super" not in target.writer().NAMES or "class_name" in target.takes


def test_the_rules_of_another_framework_are_refused() -> None:
    with pytest.raises(InputError, match="--to torch is by the rules of torch, not by those of tf"):
        export("4 dense:3", like="tf")
