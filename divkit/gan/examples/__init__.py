"""Small networks and data sets, shared by the tests, the command line and the gallery.

They are not part of the public `divkit.gan`, which provides objectives but no networks.
"""

from divkit.gan.examples.networks import Conditional as Conditional
from divkit.gan.examples.networks import perceptron as perceptron
from divkit.gan.examples.ring import Ring as Ring
