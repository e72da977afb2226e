"""The same model on other rows: the same rows give the same fit, whatever its options."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_logit, fit_multilevel
from deepvalue_stats.models.refitting import grouping_columns, refit


def people(practitioners=40, each=12, seed=5):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(practitioners), each)
    x = rng.normal(size=len(who))
    y = rng.random(len(who)) < expit(0.6 * x + 0.7 * rng.normal(size=practitioners)[who])
    return pd.DataFrame(
        {"y": y.astype(float), "x": x, "practitioner": who, "client": np.arange(len(who)),
         "service": who // 8, "shift": 0.1 * x, "often": np.ones(len(who)) * 2}
    )  # fmt: skip


DATA = people()
MIXED = "y ~ x + (1 | practitioner)"
FITS = {
    "logit": lambda: fit_logit("y ~ x", DATA, cluster="practitioner"),
    "gee": lambda: fit_gee("y ~ x", DATA, group="practitioner", correlation="exchangeable"),
    "multilevel": lambda: fit_multilevel(MIXED, DATA),
    "quadrature": lambda: fit_multilevel(MIXED, DATA, quadrature_points=7, inference="z"),
    "offset": lambda: fit_multilevel(
        MIXED, DATA, offset="shift", covariance="cluster:practitioner"
    ),
    "gaussian": lambda: fit_multilevel("x ~ y + (1 | practitioner)", DATA, family="gaussian"),
    "maximum likelihood": lambda: fit_multilevel(
        "x ~ y + (1 | practitioner)", DATA, family="gaussian", reml=False
    ),
}


@pytest.mark.parametrize("make", FITS.values(), ids=FITS)
def test_the_same_rows_give_the_same_fit(make):
    fit = make()
    again = refit(fit, fit.design.frame)
    assert again.spec == fit.spec
    assert again.ids == fit.ids
    # sums of arrays that lie otherwise in memory differ in their last digit
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-12)
    np.testing.assert_allclose(again.interval_joint, fit.interval_joint, rtol=1e-9, atol=1e-14)


def test_other_rows_give_what_a_fit_to_them_gives():
    half = DATA[DATA["practitioner"] < 20]
    again = refit(FITS["multilevel"](), half)
    np.testing.assert_allclose(again.params, fit_multilevel(MIXED, half).params, rtol=1e-12)


@pytest.mark.parametrize("option", [{"prior_sd": 2.5}, {"frequency": "often"}])
def test_what_a_fit_does_not_remember_is_refused(option):
    with pytest.raises(ModelError, match="a fit with a prior or with frequencies"):
        refit(fit_multilevel(MIXED, DATA, **option), DATA)


def test_groups_are_those_of_factors_clusters_and_persons():
    nested = fit_multilevel("y ~ x + (1 | service/practitioner)", DATA)
    assert set(grouping_columns(nested)) == {"client", "practitioner", "service"}
    assert set(grouping_columns(FITS["logit"]())) == {"client", "practitioner"}
