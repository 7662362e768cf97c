"""Objectives of generative adversarial networks: the losses of critic and generator.

This is the only part of divkit that requires torch. Networks are supplied by the caller.
"""

from divkit.gan._coupling import Coupling as Coupling
from divkit.gan._coupling import couple as couple
from divkit.gan._earth_mover import couple_points as couple_points
from divkit.gan._earth_mover import earth_mover as earth_mover
from divkit.gan._estimate import Estimate as Estimate
from divkit.gan._estimate import estimate as estimate
from divkit.gan._lipschitz import Clip as Clip
from divkit.gan._lipschitz import GradientPenalty as GradientPenalty
from divkit.gan._lipschitz import Lipschitz as Lipschitz
from divkit.gan._lipschitz import SpectralNorm as SpectralNorm
from divkit.gan._objective import FGAN as FGAN
from divkit.gan._objective import WGAN as WGAN
from divkit.gan._objective import MatchingAware as MatchingAware
from divkit.gan._objective import Objective as Objective
from divkit.gan._objective import matching_aware as matching_aware
from divkit.gan._train import train as train
from divkit.gan._training import Training as Training

__all__ = [
    "FGAN",
    "WGAN",
    "Clip",
    "Coupling",
    "Estimate",
    "GradientPenalty",
    "Lipschitz",
    "MatchingAware",
    "Objective",
    "SpectralNorm",
    "Training",
    "couple",
    "couple_points",
    "earth_mover",
    "estimate",
    "matching_aware",
    "train",
]
