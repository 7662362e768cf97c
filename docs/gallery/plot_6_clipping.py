r"""
Clipped weights: gradients vanish or explode; penalized: they keep their size
=============================================================================

The critic of a Wasserstein GAN maximizes :math:`\mathbb{E}_P v - \mathbb{E}_Q v` among functions of
slope at most 1. Clipping keeps every weight in :math:`[-c, c]`, and so the slope below *some*
constant. Where weights have gone to the limit, as they do, each layer multiplies the gradient that
comes back through it by a factor proportional to c, and k layers by its k-th power: it shrinks or
grows from layer to layer, unless c happens to be just right for width and depth.

A gradient penalty asks for the slope itself: it subtracts

.. math:: \lambda \, \mathbb{E} (\|\nabla_x v(x)\| - 1)^2,

over points x between real and generated samples.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from divkit import gan
from divkit.gan.examples import Ring, perceptron

# %%
# A critic of twelve layers learns to tell eight Gaussians on a ring from a generator that stays as
# it is: its learning rate is 0.

torch.set_num_threads(1)
torch.manual_seed(0)
ring = Ring()
generator = perceptron(2, 32, 2)
still = torch.optim.SGD(generator.parameters(), lr=0.0)
real, fake = ring.sample(512), generator(torch.randn(512, 2)).detach()
between = torch.lerp(real, fake, torch.rand(512, 1))


def trained(lipschitz):
    """Return a critic of width 32 after 400 steps."""
    torch.manual_seed(1)
    critic = perceptron(2, *[32] * 11, 1)
    options = {"steps": 400, "batch_size": 128, "seed": 1, "generator_optimizer": still}
    gan.train(generator, critic, gan.WGAN(lipschitz), ring.sample, noise=2, **options)
    return critic


def layer_gradients(critic):
    """Return the norm of the loss's gradient in the input of each linear layer."""
    inputs, outputs = [], torch.cat([real, fake]).requires_grad_()
    for layer in critic:
        if isinstance(layer, torch.nn.Linear):
            inputs.append(outputs)
        outputs = layer(outputs)
    loss = gan.WGAN().critic_loss(outputs[:512], outputs[512:])
    return [gradient.norm().item() for gradient in torch.autograd.grad(loss, inputs)]


def slopes(critic):
    """Return the norm of the critic's gradient at points between real and generated samples."""
    x = between.clone().requires_grad_()
    return torch.autograd.grad(critic(x).sum(), x)[0].norm(dim=1)


ways = {f"c = {c}": gan.Clip(c) for c in (0.01, 0.03, 0.1, 0.3)}
ways["penalty"] = gan.GradientPenalty(10.0)
layers, quantiles = {}, {}
for name, lipschitz in ways.items():
    critic = trained(lipschitz)
    layers[name] = np.array(layer_gradients(critic))
    quantiles[name] = np.quantile(slopes(critic), [0.05, 0.5, 0.95])
    growth = layers[name][0] / layers[name][-1]
    print(f"{name:9} first layer/last {growth:8.1e}   slope, median {quantiles[name][1]:8.1e}")

assert layers["c = 0.01"][0] < 1e-10 * layers["c = 0.01"][-1]
assert layers["c = 0.3"][0] > 1e5 * layers["c = 0.3"][-1]
assert 0.1 < layers["penalty"][0] / layers["penalty"][-1] < 10
assert ((quantiles["penalty"] > 0.8) & (quantiles["penalty"] < 1.25)).all()

# %%
# On the right: the slope at 90 % of the points, and its median.

plt.style.use(["seaborn-v0_8-colorblind", {"axes.spines.right": False, "axes.spines.top": False}])
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
for row, (name, color) in enumerate(zip(ways, ("C5", "C0", "C3", "C2", "C1"), strict=True)):
    left.plot(range(1, 13), layers[name], ".-", color=color)
    left.text(0.8, layers[name][0], name, color=color, ha="right", va="center")
    low, median, high = quantiles[name]
    right.plot([low, high], [row, row], color=color, linewidth=3)
    right.plot(median, row, "o", color=color)
right.axvline(1, color="0.6", linestyle=":", zorder=0)
left.set(xlabel="layer", ylabel="norm of the loss's gradient", yscale="log", xlim=(-2, 12.5))
left.set_xticks(range(1, 13))
right.set_yticks(range(len(ways)), ways)
right.set(xscale="log", xlabel="slope of the critic, ‖∇v‖", xticks=[1e-18, 1e-12, 1e-6, 1, 1e6])
right.minorticks_off()
figure.savefig("6_clipping.png")
