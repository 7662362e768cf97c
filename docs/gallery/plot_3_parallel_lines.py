r"""
Jensen–Shannon cannot tell how far apart, the earth mover's distance can
========================================================================

P is uniform on the segment :math:`\{0\} \times [0, 1]`, Q on :math:`\{\theta\} \times [0, 1]`. For
every θ > 0 their supports are disjoint. Then one of p and q is 0 everywhere, and whatever θ is

.. math:: \mathrm{JSD} = \tfrac12 \mathbb{E}_P \log \frac{2p}{p + q}
   + \tfrac12 \mathbb{E}_Q \log \frac{2q}{p + q} = \log 2.

Its derivative in θ is 0: a generator that is to move Q towards P is not told where to go. The earth
mover's distance is θ, with derivative 1.

Noise does not help from afar. If both segments are blurred by a Gaussian of width σ across, JSD is
smooth and rises from 0 to log 2, but only as far as the two overlap, within a few σ.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from divkit import fdiv, gan

thetas = np.arange(1, 101) / 100
heights = torch.linspace(0, 1, 16, dtype=torch.float64)


def segment(place):
    """Return 16 atoms of the segment at `place`, shape (16, 2)."""
    return torch.stack([torch.ones_like(heights) * place, heights], 1)


def with_slope(function, theta):
    """Return the value and the derivative of a function of θ."""
    theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    value = function(theta)
    return value.item(), torch.autograd.grad(value, theta)[0].item()


# %%
# JSD of the two segments, on the union of their atoms, is the same for all θ > 0 as here.

p, q = np.repeat([1, 0], 16) / 16, np.repeat([0, 1], 16) / 16
apart = float(fdiv.jensen_shannon(p, q))
assert apart == math.log(2)

# %%
# The optimal plan moves every atom straight across. The derivative of its cost is that of the
# distance (the envelope theorem: as θ changes the plan stays the best).

emd = [
    with_slope(lambda t: gan.earth_mover(segment(t), segment(0.0), metric="euclidean"), theta)
    for theta in thetas
]
emd, emd_slope = np.transpose(emd)
np.testing.assert_allclose(emd, thetas, rtol=1e-12)
np.testing.assert_allclose(emd_slope, 1, rtol=1e-12)

# %%
# Blurred, the segments differ across only, where they are two Gaussians.

sigma = 0.05
across = torch.linspace(-0.5, 1.5, 4001, dtype=torch.float64)


def blurred(theta):
    """Return JSD of the two segments, blurred."""
    near, far = (torch.softmax(-((across - c) ** 2) / (2 * sigma**2), 0) for c in (0.0, theta))
    return fdiv.jensen_shannon(near, far)


smooth, smooth_slope = np.transpose([with_slope(blurred, theta) for theta in thetas])
print(f"JSD {apart:.4f} whatever θ is")
print("   θ      EMD  slope    JSD, blurred  slope")
for i in (0, 4, 9, 24, 49, 99):
    print(f"{thetas[i]:.2f}   {emd[i]:.4f} {emd_slope[i]:6.3f}", end="")
    print(f"   {smooth[i]:13.5f}  {smooth_slope[i]:.1e}")
assert abs(smooth[-1] - math.log(2)) < 1e-12
assert 0 <= smooth_slope[-1] < 1e-20

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (sketch, left, right) = plt.subplots(
    1, 3, figsize=(10.5, 3.6), layout="constrained", width_ratios=(0.6, 1, 1)
)
for place, name, color in ((0.0, "P", "C0"), (1.0, "Q", "C2")):
    sketch.plot([place] * 16, heights, ".-", color=color)
    sketch.text(place, 1.05, name, color=color, ha="center")
sketch.annotate("", (1, 0.5), (0, 0.5), arrowprops={"arrowstyle": "<->"})
sketch.text(0.5, 0.53, "θ", ha="center")
sketch.set(xlim=(-0.5, 1.5), ylim=(-0.05, 1.2))
sketch.set_axis_off()
left.plot(thetas, emd, "C2")
left.plot(thetas, np.full_like(thetas, apart), "C0")
left.plot(thetas, smooth, "C0--")
left.text(0.6, 0.55, "EMD", color="C2")
left.text(0.02, 0.72, "JSD (nats)", color="C0")
left.text(0.19, 0.5, "JSD, blurred", color="C0")
left.set(xlabel="distance θ", ylabel="value", xlim=(0, 1), ylim=(0, 1))
right.plot(thetas, emd_slope, "C2")
right.plot(thetas, smooth_slope, "C0--")
right.text(0.7, 3, "EMD: 1", color="C2")
right.text(0.62, 1e-6, "JSD, blurred", color="C0")
right.text(0.02, 1e-21, "JSD: 0, below any scale", color="C0")
right.set(xlabel="distance θ", ylabel="derivative in θ", yscale="log", ylim=(1e-22, 100))
figure.savefig("3_parallel_lines.png")
