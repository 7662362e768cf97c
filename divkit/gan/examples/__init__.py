"""Small networks and data to train them on: what tests, the command line and the gallery share.

Not part of the adapter, which holds objectives and no networks.
"""

from divkit.gan.examples.networks import Conditional as Conditional
from divkit.gan.examples.networks import perceptron as perceptron
from divkit.gan.examples.ring import Ring as Ring
