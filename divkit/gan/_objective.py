"""Losses of critic and generator: f-GAN, WGAN, and their matching-aware conditional forms.

Everywhere, real samples x ~ P come first and generated samples x̃ ~ Q second. v is the critic's
raw output, without a sigmoid or other final activation: the objective applies it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from divkit import _check
from divkit.fdiv import Divergence, Family
from divkit.gan import _output_checks
from divkit.gan._lipschitz import Lipschitz
from divkit.gan._loss_terms import Terms
from divkit.gan._output_checks import single
from divkit.gan._shift import Shift


class Objective:
    """A pair of losses: one for the critic, one for the generator; see `FGAN` and `WGAN`.

    Attributes
    ----------
    lipschitz : Lipschitz or None
        How the critic is kept Lipschitz. It is not part of the losses because it acts on the
        critic itself, not on its outputs.
    """

    lipschitz: Lipschitz | None

    def critic_loss(self, v_real: Tensor, v_fake: Tensor) -> Tensor:
        """Return the critic's loss: minus the variational bound.

        Parameters
        ----------
        v_real, v_fake : tensor, shapes (n, ...) and (m, ...)
            The critic's raw outputs on real and on generated samples. The batches may differ only
            in length.

        Returns
        -------
        tensor, shape ()
            float32 for half-precision outputs, otherwise of the outputs' dtype; ±inf on overflow.

        Raises
        ------
        TypeError
            If an output is not a tensor of floats.
        ValueError
            If a batch is empty or the shapes do not agree.
        """
        _output_checks.check(v_real=v_real, v_fake=v_fake)
        return self._against(single(v_real), single(v_fake))

    def generator_loss(self, v_fake: Tensor) -> Tensor:
        """Return the generator's loss.

        Parameters
        ----------
        v_fake : tensor, shape (m, ...)
            The critic's raw outputs on generated samples.

        Returns
        -------
        tensor, shape ()

        Raises
        ------
        TypeError, ValueError
            As `critic_loss`.
        """
        _output_checks.check(v_fake=v_fake)
        return self._generator(single(v_fake))

    def _against(self, v_real: Tensor, *v_fakes: Tensor) -> Tensor:
        raise NotImplementedError

    def _generator(self, v_fake: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, repr=False, eq=False)
class FGAN(Objective):
    """The objective of an f-divergence: the critic maximizes a lower bound of D(P‖Q) [1]_.

    With the activation g of D that bound is E_P g(v) − E_Q f*(g(v)). `fdiv.gan` gives the original
    GAN [2]_, D = sigmoid(v): binary cross-entropy, whose minimum is log 4 − 2 JS(P, Q).

    Parameters
    ----------
    D : Divergence
        A divergence of the catalogue, a member of a family, or a user-defined one.
    generator : {"minimax", "non_saturating"}
        The generator's loss: −E_Q f*(g(v)), the critic's objective itself, or −E_Q g(v), whose
        gradient does not vanish where the critic recognizes generated samples with confidence.
    lipschitz : Lipschitz, optional
        If given, the objective is the (f, Γ)-divergence of a Lipschitz critic [3]_: the critic
        maximizes E_P v − inf over ν of (ν + E_Q f*(v − ν)), the bound tightened by the optimal
        shift ν. No activation is applied, as it would change the critic's Lipschitz constant. With
        an L-Lipschitz critic the objective is at most D and at most f(1) + L·W₁, so it is finite
        even where D is not. For `kl` it is the Donsker–Varadhan bound. The minimax generator loss
        sees only the generated batch and uses the ν that is optimal for it.
    real_label : float
        The target 1 − κ for real samples in place of 1, i.e. one-sided label smoothing [4]_: the
        bound is then (1−κ) E_P g(v) − κ E_P f*(g(v)) − E_Q f*(g(v)).

    Raises
    ------
    TypeError
        If D is not a divergence, or `lipschitz` is not a `Lipschitz` constraint.
    ValueError
        If `generator` is not one of the two names, if `real_label` is not in (0, 1], or if it is
        not 1 although `lipschitz` is given.

    Notes
    -----
    Half-precision outputs are processed in single precision, and single-precision outputs in double
    where D needs it: for composite and custom divergences whose dual side is computed numerically.
    Output values are not checked, so nothing synchronizes with the device, and both losses work
    under ``torch.compile(fullgraph=True)``. For |v| ≤ 100 the losses and their derivatives are
    accurate to a few roundings, relative to max(1, their size), and ±inf on overflow. With
    `lipschitz` only first derivatives are available, except for `kl`.

    References
    ----------
    .. [1] S. Nowozin, B. Cseke, R. Tomioka, "f-GAN: Training Generative Neural Samplers using
       Variational Divergence Minimization", NeurIPS 2016, section 2.
    .. [2] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, eq. (1).
    .. [3] J. Birrell, P. Dupuis, M. A. Katsoulakis, Y. Pantazis, L. Rey-Bellet,
       "(f, Γ)-divergences: interpolating between f-divergences and integral probability metrics",
       J. Machine Learning Research 23 (2022).
    .. [4] T. Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016.

    Examples
    --------
    >>> import torch
    >>> from divkit import fdiv, gan
    >>> o = gan.FGAN(fdiv.gan, generator="non_saturating")
    >>> v_real, v_fake = torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])
    >>> round(o.critic_loss(v_real, v_fake).item(), 5), round(o.generator_loss(v_fake).item(), 5)
    (0.99332, 0.77322)
    """

    D: Divergence
    generator: Literal["minimax", "non_saturating"] = "minimax"
    lipschitz: Lipschitz | None = None
    real_label: float = 1.0
    _terms: Terms = field(init=False)
    _shift: Shift = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.D, Family):
            raise TypeError(f"`D` must be a divergence, got {self.D!r}: call it, with a parameter")
        if not isinstance(self.D, Divergence):
            raise TypeError(
                f"`D` must be a divergence, one of divkit.fdiv or made by `fdiv.custom`, "
                f"got {self.D!r}"
            )
        _check.one_of("generator", self.generator, ("minimax", "non_saturating"))
        _check_lipschitz(self.lipschitz)
        if not 0 < self.real_label <= 1:
            raise ValueError(f"`real_label` must lie in (0, 1], got {self.real_label!r}")
        if self.lipschitz is not None and self.real_label != 1:
            raise ValueError(
                f"`real_label` must be 1 with `lipschitz`, got {self.real_label!r}: the outputs of "
                "a Lipschitz critic have no targets"
            )
        object.__setattr__(self, "_terms", Terms.of(self.D))
        object.__setattr__(self, "_shift", Shift.of(self.D))

    def _against(self, v_real: Tensor, *v_fakes: Tensor) -> Tensor:
        if self.lipschitz is not None:
            return self._shift.penalty(*v_fakes, v_real=v_real) - v_real.mean()
        gain = self._terms.gain(v_real)
        if self.real_label != 1:
            rest = 1 - self.real_label
            gain = self.real_label * gain - rest * self._terms.loss(v_real)
        loss = self._terms.loss(v_fakes[0])
        for v_fake in v_fakes[1:]:
            loss = loss + self._terms.loss(v_fake)
        return (loss - gain).to(v_real.dtype)

    def _generator(self, v_fake: Tensor) -> Tensor:
        if self.lipschitz is not None:
            if self.generator == "minimax":
                return -self._shift.penalty(v_fake)
            return -v_fake.mean()
        if self.generator == "minimax":
            return -self._terms.loss(v_fake).to(v_fake.dtype)
        return -self._terms.gain(v_fake).to(v_fake.dtype)

    def __repr__(self) -> str:
        given = [str(self.D)]
        given += [f"generator={self.generator!r}"] * (self.generator != "minimax")
        given += [f"lipschitz={self.lipschitz!r}"] * (self.lipschitz is not None)
        given += [f"real_label={self.real_label!r}"] * (self.real_label != 1)
        return f"FGAN({', '.join(given)})"

    def __reduce__(self) -> Any:
        return FGAN, (self.D, self.generator, self.lipschitz, self.real_label)


@dataclass(frozen=True, eq=False)
class WGAN(Objective):
    """The objective of W₁: a 1-Lipschitz critic maximizes E_P v − E_Q v [1]_.

    The generator minimizes −E_Q v.

    Parameters
    ----------
    lipschitz : Lipschitz, optional
        How the critic is kept Lipschitz, to be applied by the training loop: ``Clip(0.01)`` [1]_,
        ``GradientPenalty(10)`` [2]_ or `SpectralNorm`. Without a constraint the objective is
        unbounded.

    References
    ----------
    .. [1] M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein Generative Adversarial Networks",
       ICML 2017, eqs. (2)-(3) and algorithm 1.
    .. [2] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. (3).

    Examples
    --------
    >>> import torch
    >>> from divkit import gan
    >>> o = gan.WGAN(lipschitz=gan.Clip(0.01))
    >>> o.critic_loss(torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])).item()
    -1.5
    """

    lipschitz: Lipschitz | None = None

    def __post_init__(self) -> None:
        _check_lipschitz(self.lipschitz)

    def _against(self, v_real: Tensor, *v_fakes: Tensor) -> Tensor:
        means = [v_fake.mean() for v_fake in v_fakes]
        return (means[0] if len(means) == 1 else torch.stack(means).mean()) - v_real.mean()

    def _generator(self, v_fake: Tensor) -> Tensor:
        return -v_fake.mean()


@dataclass(frozen=True, eq=False)
class MatchingAware(Objective):
    """An objective for conditional generators; made by `matching_aware`."""

    objective: FGAN | WGAN

    @property
    def lipschitz(self) -> Lipschitz | None:  # type: ignore[override]
        """How the critic is kept Lipschitz: that of the underlying objective."""
        return self.objective.lipschitz

    def critic_loss(  # type: ignore[override]
        self, v_real: Tensor, v_fake: Tensor, v_mismatched: Tensor
    ) -> Tensor:
        """Return the critic's loss.

        Parameters
        ----------
        v_real, v_fake, v_mismatched : tensor, shapes (n, ...), (m, ...) and (k, ...)
            The critic's raw outputs on real samples with their condition, on generated samples
            with the condition they were generated for, and on real samples with a wrong condition.

        Returns
        -------
        tensor, shape ()

        Raises
        ------
        TypeError, ValueError
            As `Objective.critic_loss`.
        """
        _output_checks.check(v_real=v_real, v_fake=v_fake, v_mismatched=v_mismatched)
        return self.objective._against(*map(single, (v_real, v_fake, v_mismatched)))

    def _generator(self, v_fake: Tensor) -> Tensor:
        return self.objective._generator(v_fake)


def matching_aware(objective: FGAN | WGAN) -> MatchingAware:
    """Return an objective whose critic also sees real samples with a wrong condition [1]_.

    Mismatched samples are treated like generated ones, so the critic must use the condition. For
    `fdiv.gan` it maximizes E log D(c, x) + E log(1 − D(c, x̃)) + E log(1 − D(c, x̂)), where x̂ is
    real with a wrong condition; for every other divergence the term E f*(g(v)) of the mismatched
    samples is added likewise. In `WGAN` and ``FGAN(lipschitz=...)``, where the critic is determined
    only up to a constant, generated and mismatched samples each have weight ½ in Q: if they were
    summed, the objective would depend on that constant.

    Parameters
    ----------
    objective : FGAN or WGAN
        An FGAN may be of any divergence.

    Returns
    -------
    MatchingAware
        With ``critic_loss(v_real, v_fake, v_mismatched)`` and ``generator_loss(v_fake)``.

    Raises
    ------
    TypeError
        If `objective` is neither.

    References
    ----------
    .. [1] S. Reed et al., "Generative Adversarial Text to Image Synthesis", ICML 2016, section 4.2;
       they weigh generated and mismatched samples one half each.

    Examples
    --------
    >>> import torch
    >>> from divkit import fdiv, gan
    >>> o = gan.matching_aware(gan.FGAN(fdiv.gan))
    >>> zero = torch.zeros(4)
    >>> round(o.critic_loss(zero, zero, zero).item(), 6)  # 3 log 2
    2.079442
    """
    if not isinstance(objective, (FGAN, WGAN)):
        raise TypeError(f"`objective` must be an FGAN or a WGAN, got {objective!r}")
    return MatchingAware(objective)


def _check_lipschitz(given: object) -> None:
    if given is not None and not isinstance(given, Lipschitz):
        raise TypeError(
            "`lipschitz` must be a Clip, a GradientPenalty or a SpectralNorm, or None, "
            f"got {given!r}"
        )
