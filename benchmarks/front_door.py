"""What a fresh process pays: imports, and a first value."""


def timeraw_import_divkit() -> str:
    """Import the front door."""
    return "import divkit"


def timeraw_first_kl() -> str:
    """Import and a first value."""
    return "import divkit; divkit.fdiv.kl([0.5, 0.5], [0.4, 0.6])"


def timeraw_import_emd() -> str:
    """Import the transport side; no library of a solver yet."""
    return "from divkit import emd"


def timeraw_import_numpy() -> str:
    """Import what all of these contain."""
    return "import numpy"


def timeraw_import_scipy_stats() -> str:
    """Import what `scipy.stats.entropy` needs."""
    return "import scipy.stats"
