r"""
KL covers the modes, reverse KL seeks one
=========================================

P has two modes and the model Q, a Gaussian, has one. What the best Q does about that depends on
the divergence.

- :math:`\mathrm{KL}(P\|Q) = \mathbb{E}_P \log(p/q)` is large if P has mass where Q has none. The
  best Q covers both modes: it has the mean and the variance of P, and puts mass between them
  where P has little.
- :math:`\mathrm{KL}(Q\|P) = \mathbb{E}_Q \log(q/p)`, reverse KL, is large if Q has mass where P
  has none. The best Q stays on one mode and leaves out the other.

Dropping modes is thus what reverse KL does, not KL, to which it is sometimes attributed.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from divkit import fdiv

x = np.linspace(-12, 12, 801)


def gaussian(mean, deviation):
    """Return the masses of cells around x."""
    logs = -(((x - mean) / deviation) ** 2) / 2
    masses = np.exp(logs - logs.max())
    return masses / masses.sum()


modes = (-1.5, 0.6), (1.8, 0.5)
p = 0.65 * gaussian(*modes[0]) + 0.35 * gaussian(*modes[1])
mean = p @ x
whole = mean, math.sqrt(p @ (x - mean) ** 2)

# %%
# Here is the best Q by each divergence of the catalogue, the least of three descents: one mode of
# P can be a local minimum where the global one covers both, and the other way round.


def fit(D):
    """Return the mean and the standard deviation of the Gaussian where D(P‖Q) is least."""

    def value(theta):
        return float(D(p, gaussian(theta[0], math.exp(theta[1]))))

    starts = [(mean, math.log(deviation)) for mean, deviation in (whole, *modes)]
    options = {"xatol": 1e-7, "fatol": 1e-13}
    fits = [minimize(value, start, method="Nelder-Mead", options=options) for start in starts]
    best = min(fits, key=lambda found: found.fun).x
    return float(best[0]), math.exp(best[1])


fits = {name: fit(D) for name, D in fdiv.CATALOGUE.items()}
fits = dict(sorted(fits.items(), key=lambda item: item[1][1]))
for name, (mean, deviation) in fits.items():
    print(f"{name:26} mean {mean:7.3f}   standard deviation {deviation:.3f}")
np.testing.assert_allclose(fits["kl"], whole, rtol=1e-5)
np.testing.assert_allclose(fits["reverse_kl"], modes[0], rtol=0.05)
np.testing.assert_allclose(fits["neyman"], modes[0], rtol=0.05)
assert fits["reverse_kl"][1] < fits["squared_hellinger"][1] < fits["kl"][1] < fits["pearson"][1]

# %%
# On the right each Gaussian is drawn as its mean and one standard deviation to each side.

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 4.4), layout="constrained", sharex=True, width_ratios=(1, 1.1)
)
width = x[1] - x[0]
left.fill_between(x, p / width, color="0.82", label="P")
colors = {"kl": "C2", "total_variation": "C1", "reverse_kl": "C0"}
for name, style in zip(colors, ("-", ":", "--"), strict=True):
    density = gaussian(*fits[name]) / width
    left.plot(x, density, style, color=colors[name], linewidth=2.2, label=f"best Q by {name}")
left.set(xlim=(-4.5, 4.5), ylim=(0, 0.95), xlabel="x", ylabel="density")
left.legend(frameon=False, loc="upper right")
for row, (name, (mean, deviation)) in enumerate(fits.items()):
    color = colors.get(name, "0.35")
    right.plot([mean - deviation, mean + deviation], [row, row], color=color, linewidth=2.2)
    right.plot(mean, row, "o", color=color)
for mode, _ in modes:
    right.axvline(mode, color="0.6", linestyle=":", zorder=0)
right.set_yticks(range(len(fits)), fits)
right.set(xlabel="x (dotted: the modes of P)")
figure.savefig("5_mode_covering.png")
