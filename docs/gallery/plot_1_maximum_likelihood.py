r"""
Maximum likelihood is the least KL divergence
=============================================

Let P be the empirical distribution of a sample :math:`x_1, \dots, x_m` and :math:`Q_\theta` a
model. The mean log-likelihood is an expectation under P. Subtract from it the entropy of P, which
does not depend on θ, and what is left is minus a Kullback–Leibler divergence:

.. math:: \mathrm{KL}(P \| Q_\theta) = -\frac1m \sum_i \log q_\theta(x_i) - H(P).

So the θ of the largest likelihood is the θ of the least KL. For the sample this is an identity, not
an approximation; the law of large numbers is only needed to say that P is near the distribution
that the sample came from.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_diabetes

from divkit import fdiv

# %%
# The sample is the body mass index of 442 patients, recorded in tenths. The model is a Gaussian on
# the tenths, :math:`q_\theta(x) \propto e^{-(x-\mu)^2/2\sigma^2}`. Its likelihood is largest where
# μ and σ are the mean and the standard deviation of the sample.

sample = load_diabetes(scaled=False).data[:, 2]
estimate = sample.mean(), sample.std()

# %%
# The other fit knows no likelihood: it follows the gradient of a divergence between two vectors of
# masses.

cells = torch.arange(-200, 801, dtype=torch.float64) / 10  # more than ten σ to each side
tenths = np.rint(10 * sample).astype(int) + 200
p = torch.from_numpy(np.bincount(tenths, minlength=len(cells)) / len(sample))


def log_model(mu, sigma):
    """Return the log masses of the cells."""
    return torch.log_softmax(-(((cells - mu) / sigma) ** 2) / 2, 0)


def fit(D):
    """Return the μ and σ where D(P‖Q) is least."""
    theta = torch.tensor([20.0, 8.0], dtype=torch.float64, requires_grad=True)
    steps = torch.optim.LBFGS(
        [theta], max_iter=100, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def value():
        steps.zero_grad()
        found = D(p, log_model(*theta).exp())
        found.backward()
        return found

    steps.step(value)
    return tuple(theta.tolist())


by_kl, by_hellinger = fit(fdiv.kl), fit(fdiv.squared_hellinger)
print(f"largest likelihood       μ = {estimate[0]:.7f}   σ = {estimate[1]:.7f}")
print(f"least KL                 μ = {by_kl[0]:.7f}   σ = {by_kl[1]:.7f}")
print(f"least squared Hellinger  μ = {by_hellinger[0]:.7f}   σ = {by_hellinger[1]:.7f}")
np.testing.assert_allclose(by_kl, estimate, rtol=1e-6)
assert abs(by_hellinger[1] - estimate[1]) > 0.1  # another divergence, another answer

# %%
# The two curves on the right are one curve, H(P) apart.

means = np.linspace(estimate[0] - 6, estimate[0] + 6, 121)
curves = [log_model(mu, estimate[1]) for mu in means]
losses = np.array([-log_q[tenths].mean() for log_q in curves])
divergences = np.array([fdiv.kl(p, log_q.exp()) for log_q in curves])
entropy = -torch.xlogy(p, p).sum().item()
np.testing.assert_allclose(losses - divergences, entropy, rtol=1e-12)
print(f"their distance           H(P) = {entropy:.7f} nats")

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.hist(sample, bins=np.arange(17, 44), density=True, color="0.82")
for (mu, sigma), name, style in (
    (estimate, "largest likelihood", "C0-"),
    (by_kl, "least KL", "C2--"),
    (by_hellinger, "least squared Hellinger", "C1:"),
):
    x = np.linspace(12, 44, 400)
    density = np.exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
    left.plot(x, density, style, linewidth=2.2, label=name)
left.set(xlabel="body mass index", ylabel="density", ylim=(0, 0.15))
left.legend(frameon=False)
for curve, name, color in (
    (losses, "minus mean log-likelihood", "C0"),
    (divergences, "KL(P‖Q)", "C2"),
):
    right.plot(means, curve, color, linewidth=2.2)
    right.text(means[60], curve[60] - 0.15, name, color=color, ha="center", va="top")
right.annotate(
    "", (means[20], losses[20]), (means[20], divergences[20]), arrowprops={"arrowstyle": "<->"}
)
right.text(means[22], 3, "H(P)")
right.set(xlabel="μ, at the best σ", ylabel="nats", ylim=(-0.6, 6.5))
figure.savefig("1_maximum_likelihood.png")
