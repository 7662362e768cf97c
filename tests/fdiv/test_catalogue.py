"""Every identity, for every row of the catalogue and for families away from their defaults."""

import pytest

from divkit import fdiv
from divkit.testing import divergence_checks

RECORDS = [
    *fdiv.CATALOGUE.values(),
    *map(fdiv.alpha, (-1.5, -0.5, 0.3, 0.5, 0.7, 2.0, 3.0)),
    *map(fdiv.weighted_jensen_shannon, (0.1, 0.5, 0.7)),
]
IDENTITIES = [name for name, _ in divergence_checks(fdiv.kl)]


@pytest.mark.parametrize("D", RECORDS, ids=str)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_identity(D, identity):
    dict(divergence_checks(D))[identity](12)


def test_the_catalogue_begins_with_the_published_table():
    assert list(fdiv.CATALOGUE)[:11] == [
        "total_variation",
        "kl",
        "reverse_kl",
        "pearson",
        "neyman",
        "squared_hellinger",
        "jeffreys",
        "jensen_shannon",
        "weighted_jensen_shannon",
        "gan",
        "alpha",
    ]
    for name, D in fdiv.CATALOGUE.items():
        assert D.name == name
        entry = getattr(fdiv, name)
        assert (entry() if isinstance(entry, fdiv.Family) else entry) is D


@pytest.mark.parametrize("D", RECORDS, ids=str)
def test_records_survive_pickling(D):
    import pickle

    copy = pickle.loads(pickle.dumps(D))
    assert copy([0.5, 0.5], [0.2, 0.8]) == D([0.5, 0.5], [0.2, 0.8])
    assert str(copy) == str(D)


def test_symmetry_and_adjoints():
    symmetric = {name for name, D in fdiv.CATALOGUE.items() if D.is_symmetric}
    assert symmetric == {
        "total_variation",
        "squared_hellinger",
        "jeffreys",
        "jensen_shannon",
        "gan",
        "triangular_discrimination",
    }
    assert fdiv.kl.adjoint is fdiv.reverse_kl
    assert fdiv.reverse_kl.adjoint is fdiv.kl
    assert fdiv.pearson.adjoint is fdiv.neyman
    assert fdiv.alpha(0.5).is_symmetric
    assert fdiv.alpha(2).adjoint is fdiv.alpha(-1)
    assert fdiv.weighted_jensen_shannon(0.5).is_symmetric


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, float("nan"), float("inf")])
def test_alpha_refuses_its_poles(value):
    with pytest.raises(ValueError, match=r"`order` must be finite and neither 0 nor 1"):
        fdiv.alpha(value)


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.1, float("nan")])
def test_weights_lie_inside(value):
    with pytest.raises(ValueError, match=r"`pi` must lie strictly between 0 and 1"):
        fdiv.weighted_jensen_shannon(value)


@pytest.mark.parametrize("family", [fdiv.alpha, fdiv.weighted_jensen_shannon])
@pytest.mark.parametrize("value", ["0.5", None, 0.5j, True])
def test_parameters_are_numbers(family, value):
    with pytest.raises(TypeError, match="must be a real number"):
        family(value)


def test_a_record_is_frozen():
    with pytest.raises(AttributeError):
        fdiv.kl.slope = 0.0
