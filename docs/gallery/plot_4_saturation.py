r"""
Where the minimax loss has no gradient, the non-saturating loss has one
=======================================================================

With :math:`D = \mathrm{sigmoid}(v)` the generator of a GAN may minimize either of

.. math:: \mathbb{E}_Q \log(1 - D) \quad \text{(minimax)}, \qquad
   -\mathbb{E}_Q \log D \quad \text{(non-saturating)}.

Their slopes in v are −D and −(1 − D). Early in training the discriminator tells generated samples
apart with certainty, D ≈ 0: there the first has no slope, and the second has slope −1.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import logsigmoid

from divkit import fdiv, gan
from divkit.gan.examples import Ring, perceptron

minimax, non_saturating = gan.FGAN(fdiv.gan), gan.FGAN(fdiv.gan, generator="non_saturating")

# %%
# A generator that has learned nothing stays as it is (its learning rate is 0), and a discriminator
# learns to tell it from eight Gaussians on a ring. After each step: the gradient in the generator's
# parameters, of either loss.

torch.set_num_threads(1)
torch.manual_seed(0)
generator, critic = perceptron(2, 64, 64, 2), perceptron(2, 64, 64, 1)
still = torch.optim.SGD(generator.parameters(), lr=0.0)
z = torch.randn(512, 2)
norms = []


def measure(training):
    """Append the norms of both gradients."""
    v = critic(generator(z))
    parameters = list(generator.parameters())
    for objective in (minimax, non_saturating):
        loss = objective.generator_loss(v)
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())


options = {"steps": 1000, "seed": 0, "generator_optimizer": still, "callback": measure}
gan.train(generator, critic, minimax, Ring().sample, noise=2, **options)
norms = np.reshape(norms, (-1, 2))
print("steps   minimax   non-saturating")
for step in (1, 10, 100, 1000):
    print(f"{step:5}   {norms[step - 1, 0]:.1e}   {norms[step - 1, 1]:.1e}")
assert norms[-1, 0] < 1e-5 * norms[0, 0]
assert norms[-1, 1] > norms[0, 1]

# %%
# What does the second minimize? At the best discriminator its gradient is that of
# :math:`\mathrm{KL}(Q\|P) - 2\,\mathrm{JSD}(P, Q)`, with the generator's Q first in KL: reverse KL,
# which seeks modes, less a term that pushes P and Q apart. (Some notes print KL(P‖Q).) Here for two
# Gaussians of different width, on a fine grid.

x = torch.linspace(-12, 14, 4001, dtype=torch.float64)
mean = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
log_p = torch.log_softmax(-(x**2) / 2, 0)
log_q = torch.log_softmax(-((x - mean) ** 2) / 2 / 0.6**2, 0)
p, q = log_p.exp(), log_q.exp()


def slope(value):
    """Return the derivative in the mean of Q."""
    return torch.autograd.grad(value, mean, retain_graph=True)[0].item()


best = logsigmoid(log_p - log_q).detach()  # log D*, which does not move with the generator
found = slope(-(q * best).sum())
formula = slope(fdiv.kl(q, p) - 2 * fdiv.jensen_shannon(p, q))
exchanged = slope(fdiv.kl(p, q) - 2 * fdiv.jensen_shannon(p, q))
print(f"gradient of -E log D*     {found:.10f}")
print(f"of KL(Q‖P) - 2 JSD        {formula:.10f}")
print(f"of KL(P‖Q) - 2 JSD        {exchanged:.10f}")
assert abs(found - formula) < 1e-8
assert abs(found - exchanged) > 0.1

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
v = torch.linspace(-8, 8, 200)
left.plot(v, logsigmoid(-v), "C0", label="minimax, log(1 − D)")
left.plot(v, -logsigmoid(v), "C2--", label="non-saturating, −log D")
left.set(xlabel="output v of the critic on a generated sample", ylabel="generator's loss (nats)")
left.legend(frameon=False)
steps = np.arange(1, len(norms) + 1)
right.plot(steps, norms[:, 0], "C0", label="minimax")
right.plot(steps, norms[:, 1], "C2--", label="non-saturating")
right.set(xscale="log", yscale="log", xlabel="steps of the critic")
right.set(ylabel="norm of the generator's gradient")
right.legend(frameon=False)
figure.savefig("4_saturation.png")
