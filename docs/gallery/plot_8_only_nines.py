r"""
Only nines, please
==================

A generator of digits draws whatever digit it likes. A conditional one, :math:`G(c, z)`, is told
which. Its critic sees pairs (c, x), and calls two kinds of pairs wrong: images that were generated
for c, and real images that go with another digit. The second kind makes it look at c:

.. math:: \max_D \; \mathbb{E} \log D(c, x) + \mathbb{E} \log(1 - D(c, G(c, z)))
   + \mathbb{E} \log(1 - D(c, \hat x)).

Data are the 1,797 handwritten digits of 8 × 8 pixels that come with scikit-learn.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from divkit import fdiv, gan
from divkit.gan.examples import Conditional, perceptron
from divkit.gan.examples.digits import digits, recognized

torch.set_num_threads(1)
torch.manual_seed(0)
images, labels = digits()
generator = Conditional(perceptron(16 + 10, 128, 128, 64, last=nn.Tanh()), classes=10)
critic = Conditional(perceptron(64 + 10, 128, 128, 1), classes=10)
objective = gan.matching_aware(gan.FGAN(fdiv.gan, generator="non_saturating", real_label=0.9))
gan.train(generator, critic, objective, (images, labels), noise=16, steps=3000, seed=0)

# %%
# Does it obey? A support vector machine that learned from the real images reads a hundred of each
# digit. Does it know more than one way to write each? The spread of a digit's images is the root
# mean square distance from their mean; 1 would be that of the real ones.

asked = torch.arange(10).repeat_interleave(100)
with torch.no_grad():
    drawn = generator(torch.randn(1000, 16), asked)


def spread(x):
    """Return the root mean square distance from the mean."""
    return (x - x.mean(0)).square().sum(1).mean().sqrt()


print("asked for   read as it   spread, of the real one's")
for digit in range(10):
    of_digit = drawn[asked == digit]
    share = recognized(of_digit, asked[asked == digit])
    spreads = spread(of_digit) / spread(images[labels == digit])
    print(f"{digit:9}   {share:10.0%}   {spreads:9.2f}")
    assert share > 0.9
    assert spreads > 0.5

# %%
# Whoever asks for nines gets nines.

with torch.no_grad():
    nines = generator(torch.randn(120, 16), torch.full((120,), 9))
print(f"120 nines, read as nines: {recognized(nines, torch.full((120,), 9)):.0%}")

plt.style.use("seaborn-v0_8-colorblind")
figure, panels = plt.subplots(1, 3, figsize=(11, 3.1), layout="constrained")
real = torch.cat([images[labels == digit][:12] for digit in range(10)])
each = torch.cat([drawn[asked == digit][:12] for digit in range(10)])
titles = "real images", "asked for each digit", "asked for nines"
for axes, title, x in zip(panels, titles, (real, each, nines), strict=True):
    sheet = nn.functional.pad(x.reshape(10, 12, 8, 8), (0, 1, 0, 1), value=-1.0)
    axes.imshow(sheet.permute(0, 2, 1, 3).reshape(90, 108), cmap="Greys")
    axes.set(title=title, xticks=[], yticks=[9 * row + 3.5 for row in range(10)])
    axes.set_yticklabels([9] * 10 if x is nines else range(10))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
figure.savefig("8_only_nines.png")
