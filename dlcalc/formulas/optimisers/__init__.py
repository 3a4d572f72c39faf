"""Optimisers number by number, as their papers write them, with torch.optim's defaults."""

from __future__ import annotations

from dlcalc.errors import InputError, nearest
from dlcalc.formulas.optimisers.rules import RULES, Rule, Settings, State

__all__ = ["NAMES", "RULES", "Rule", "Settings", "State", "find"]

#: Every name, the other names included.
NAMES = tuple(RULES)


def find(text: str) -> tuple[Rule, Settings]:
    """The optimiser that a word such as ``adam:beta1=0.8,eps=1e-6`` names, and its settings.

    Raises `InputError` for a name or a setting that there is not, and a value out of range.

    >>> rule, settings = find("momentum:momentum=0.5")
    >>> rule.name, settings
    ('momentum', {'momentum': 0.5, 'dampening': 0.0})
    """
    from dlcalc.numbers import number

    name, _, given = text.partition(":")
    name = name.strip().lower()
    if name not in RULES:
        near = nearest(name, RULES)
        mend = f"Did you mean {near}?" if near else f"There are {', '.join(RULES)}."
        raise InputError(f"{name or 'an empty word'} is not an optimiser", mend=mend)
    rule = RULES[name]
    settings = {key: setting.default for key, setting in rule.settings.items()}
    for part in given.split(",") if given else ():
        key, equals, value = part.partition("=")
        key = key.strip()
        if key not in settings:
            near = nearest(key, settings)
            there = ", ".join(settings) or "none"
            mend = f"Did you mean {near}?" if near else f"It has {there}."
            raise InputError(f"{name} has no setting {key or 'without a name'}", mend=mend)
        if not equals:
            raise InputError(f"{key} of {name} has no value", mend=f"Write {name}:{key}=0.5.")
        settings[key] = _checked(rule, key, number(value, f"{key} of {name}"))
    return rule, settings


def _checked(rule: Rule, key: str, value: float) -> float:
    setting = rule.settings[key]
    # A comparison with what is not a number is false.
    if not 0 <= value < setting.high:
        below = f" and below {setting.high:g}" if setting.high < float("inf") else ""
        raise InputError(
            f"{key} of {rule.name} must be at least 0{below}, not {value:g}",
            mend=f"It is {setting.default:g} if left out.",
        )
    return value
