"""Formulas and names as text, put together from those of the parts."""

from __future__ import annotations

import re


def factor(text: str) -> str:
    return f"({text})" if " + " in text or "*" in text else text


def mixture(pi: float) -> str:
    return f"({1 - pi:.12g}*u + {pi:.12g})"


def text(form: str, formula: str | None, then: str | None = "", **given: str) -> str | None:
    """Fill `form` with a formula in which u or t is replaced; None where no formula is known."""
    if formula is None or then is None:
        return None
    for name in set(given) & {"u", "t"}:
        formula = re.sub(rf"\b{name}\b", given[name], formula)
    return form.format(f=formula, **given) + (f"({then})" if then else "")
