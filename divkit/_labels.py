"""Labels of divergences in tables and pictures."""

from __future__ import annotations

from divkit.fdiv import Divergence


def label(D: Divergence) -> str:
    """Return the title of a divergence, with its parameters if it has any.

    Examples
    --------
    >>> from divkit import fdiv
    >>> from divkit._labels import label
    >>> label(fdiv.alpha(0.5))
    'Alpha (0.5)'
    """
    given = ", ".join(f"{value:g}" for value in D.parameters.values())
    return f"{D.title} ({given})" if given else D.title
