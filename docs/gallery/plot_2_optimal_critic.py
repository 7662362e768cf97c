r"""
The best discriminator measures the Jensen–Shannon divergence
=============================================================

The critic of a GAN says with what probability :math:`D(x)` a sample is real. It is trained to
maximize

.. math:: V(D) = \mathbb{E}_P \log D + \mathbb{E}_Q \log(1 - D).

For each x on its own, :math:`p \log D + q \log(1 - D)` is largest at :math:`D^* = p/(p+q)`. Put
there,

.. math:: \max_D V(D) = 2\,\mathrm{JSD}(P, Q) - 2 \log 2.

This is the duality of an f-divergence: ``fdiv.gan`` is the right side, its witness is
:math:`T^* = \log D^*`, and its bound :math:`\mathbb{E}_P T - \mathbb{E}_Q f^*(T)` with
:math:`T = \log D` is V(D). No critic exceeds it, so that one in training comes from below.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from divkit import fdiv, gan

# %%
# P and Q live on 25 atoms, where the claim can be checked to rounding.

atoms = np.arange(25)
p = np.exp(-((atoms - 7) ** 2) / 8) + 0.8 * np.exp(-((atoms - 16) ** 2) / 6)
q = np.exp(-((atoms - 12) ** 2) / 40)
p, q = p / p.sum(), q / q.sum()

best = fdiv.gan(p, q)
D_best = np.exp(fdiv.gan.witness(p, q))
print(f"max V                {best:.15f} nats")
print(f"2 JSD - 2 log 2      {2 * fdiv.jensen_shannon(p, q) - 2 * math.log(2):.15f} nats")
print(f"V(D*)                {fdiv.gan.bound(p, q, np.log(D_best)):.15f} nats")
np.testing.assert_allclose(best, 2 * fdiv.jensen_shannon(p, q) - 2 * math.log(2), rtol=1e-14)
np.testing.assert_allclose(best, fdiv.gan.bound(p, q, np.log(D_best)), rtol=1e-14)
np.testing.assert_allclose(D_best, p / (p + q), rtol=1e-14)

# %%
# A small network sees samples of both only, in minibatches. After each step its V is computed
# exactly. Where neither P nor Q has much mass there is little to gain, and D is least accurate.

torch.set_num_threads(1)
torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(critic.parameters(), 3e-3)
objective = gan.FGAN(fdiv.gan)
x = torch.as_tensor(atoms[:, None] / 12.0 - 1.0, dtype=torch.float32)
values = []
for _ in range(2000):
    real, fake = (torch.multinomial(torch.from_numpy(m), 256, replacement=True) for m in (p, q))
    optimizer.zero_grad()
    objective.critic_loss(critic(x[real]), critic(x[fake])).backward()
    optimizer.step()
    v = critic(x).detach().double().numpy().ravel()
    values.append(fdiv.gan.bound(p, q, fdiv.gan.activation(v)))
D_trained = np.exp(fdiv.gan.activation(v))
print(f"V of the trained one {values[-1]:.6f} nats")
assert max(values) < best
assert values[-1] > best - 0.01

# %%
# Where p and q are not known, V must be measured, on samples that the critic has not been trained
# on: otherwise it is no lower bound. ``gan.estimate`` keeps half of the samples for that.

samples = [x[torch.multinomial(torch.from_numpy(m), 20_000, replacement=True)] for m in (p, q)]
found = gan.estimate(critic, objective, *samples, seed=0)
print(f"V, from samples      {found.bound:.4f} ± {found.standard_error:.4f} nats")
assert best - 0.05 < found.bound < best + 3 * found.standard_error

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.bar(atoms - 0.2, p, 0.4, color="C0", alpha=0.5, label="p")
left.bar(atoms + 0.2, q, 0.4, color="C2", alpha=0.5, label="q")
left.plot(atoms, D_best, "o", color="0.2", markersize=4, label="D* = p/(p+q)")
left.plot(atoms, D_trained, color="0.2", label="D, trained")
left.axhline(0.5, color="0.6", linestyle=":", zorder=0)
left.set(xlabel="x", ylabel="probability", ylim=(0, 1.3), yticks=np.arange(6) / 5)
left.legend(frameon=False, ncols=2, loc="upper center")
right.plot(range(1, len(values) + 1), values, color="0.2")
right.axhline(best, color="C1")
right.axhline(-2 * math.log(2), color="0.6", linestyle=":")
right.text(1, best + 0.002, "2 JSD − 2 log 2", va="bottom", color="C1")
right.text(2000, -1.384, "−2 log 2, where P = Q", ha="right", va="bottom", color="0.4")
right.set(xscale="log", ylim=(-1.395, -1.195), xlabel="steps of training", ylabel="V(D) (nats)")
figure.savefig("2_optimal_critic.png")
