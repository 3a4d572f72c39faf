"""The drawings of a training hold the numbers of the net, in the units of the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlcalc.answers import train_drawing
from dlcalc.answers.train import train
from dlcalc.answers.train_result import TrainResult
from dlcalc.charts import matrix, region, svg


def caught(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, result: TrainResult) -> Any:
    """What a drawing function is given."""
    found: list[Any] = []
    monkeypatch.setattr(module, name, lambda *a, **k: found.append((a, k)) or [])
    result.drawn(80, ascii=False)
    ((arguments, settings),) = found
    return *arguments, settings


def test_regions_are_what_the_net_takes_points_for(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train("moons")
    plane, marks, names, labels = caught(monkeypatch, region, "regions", result)
    assert names == ("0", "1") and (labels["x_label"], labels["y_label"]) == ("x1", "x2")
    assert len(marks) == 300
    # Held out, the net is right on nearly all; so are the regions at the marks.
    right = 0
    for x, y, cls in marks:
        right_part = (x - plane.x[0]) / (plane.x[1] - plane.x[0])
        up = (y - plane.y[0]) / (plane.y[1] - plane.y[0])
        right += plane.at(right_part, up) == cls
    assert isinstance(result.value, float)
    assert abs(right / 300 - result.value) < 0.03
    # Upside down, or left and right exchanged, they would be wrong for many.
    wrong = sum(
        plane.at(
            1 - (x - plane.x[0]) / (plane.x[1] - plane.x[0]),
            (y - plane.y[0]) / (plane.y[1] - plane.y[0]),
        )
        == cls
        for x, y, cls in marks
    )
    assert wrong < 250


def test_a_curve_goes_through_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train("line")
    monkeypatch.setattr(train_drawing, "losses", lambda history: _nothing())
    (examples, net), labels = caught(monkeypatch, train_drawing, "plot", result)
    assert labels["x_label"] == "x"
    assert not examples.joined and net.joined
    # y = 2x - 1, and the net has learnt it.
    slope = (net.ys[-1] - net.ys[0]) / (net.xs[-1] - net.xs[0])
    assert abs(slope - 2) < 0.1
    assert net.xs[0] < min(examples.xs) and net.xs[-1] > max(examples.xs)


def test_a_file_is_drawn_in_its_own_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{1000 + n},{5000 - 2 * n}" for n in range(100)]
    path.write_text("\n".join(["weight,price", *rows]))
    result = train("dense:1", data=str(path), target="price", loss="mse", epochs=200)
    monkeypatch.setattr(train_drawing, "losses", lambda history: _nothing())
    (examples, net), labels = caught(monkeypatch, train_drawing, "plot", result)
    assert labels["x_label"] == "weight"
    assert all(abs(y - (7000 - 2 * x)) < 1e-6 for x, y in zip(examples.xs, examples.ys))
    assert all(abs(y - (7000 - 2 * x)) < 20 for x, y in zip(net.xs, net.ys))


def test_classes_of_a_file_keep_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{n % 7},{100 + n % 5},{'far' if n % 7 + n % 5 > 5 else 'near'}" for n in range(200)]
    path.write_text("\n".join(["a,b,where", *rows]))
    result = train(data=str(path), target="where", epochs=5)
    plane, marks, names, labels = caught(monkeypatch, region, "regions", result)
    assert names == ("far", "near") and (labels["x_label"], labels["y_label"]) == ("a", "b")
    assert plane.x[0] < 0 and plane.x[1] > 6 and plane.y[0] < 100 and plane.y[1] > 104
    assert all(x == round(x, 9) and 100 <= y <= 104 for x, y, _ in marks)


@pytest.mark.parametrize("task", ["recall:2", "sequence-parity:3"])
def test_a_table_counts_every_answer(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = train(task, epochs=2)
    counts, names, _ = caught(monkeypatch, matrix, "confusion", result)
    assert result.final is not None
    total = sum(map(sum, counts))
    right = sum(row[cls] for cls, row in enumerate(counts))
    assert total == result.final.examples
    assert right / total == pytest.approx(result.value)
    assert len(names) == len(counts)


def test_early_stopping_draws_the_numbers_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train("recall:2", epochs=30, early_stopping=1, lr=0.5)
    counts, *_ = caught(monkeypatch, matrix, "confusion", result)
    right = sum(row[cls] for cls, row in enumerate(counts)) / sum(map(sum, counts))
    assert right == pytest.approx(result.value)


def test_the_picture_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train("xor", epochs=5)
    found: list[Any] = []
    monkeypatch.setattr(svg, "regions", lambda *a, **k: found.append(a) or svg.Part(0, []))
    drawing = result.look()[1]
    drawing.part()
    plane, *_ = caught(monkeypatch, region, "regions", result)
    assert found[0][0] == plane


def test_losses_that_fall_far_are_shown_by_powers_of_ten() -> None:
    from dlcalc.engine.trainer import Epoch

    far = [Epoch(n, 10.0**-n, None, 0.0) for n in range(5)]
    near = [Epoch(n, 1.0 + n, None, 0.0) for n in range(5)]
    assert any("0.0001 ┤" in each for each in train_drawing.losses(far).lines(80, False))
    assert any(each.startswith("3 ┤") for each in train_drawing.losses(near).lines(80, False))


def _nothing() -> train_drawing.Drawing:
    return train_drawing.Drawing("", lambda width, ascii: [], lambda: svg.Part(0, []))
