"""The formula of a planned model: built from its names, never written by hand."""

from __future__ import annotations

from deepvalue_stats.plan.parts import ModelPlan, Plan

SPLINE_DEGREES = 4


def exposure_columns(model: ModelPlan) -> tuple[str, ...]:
    """The columns in which the exposure stands: one, or its within and between parts."""
    if model.split == "none" and model.estimator != "within_between":
        return (model.exposure,)
    return (f"{model.exposure}_within", f"{model.exposure}_between")


def build_formula(
    plan: Plan,
    model: ModelPlan,
    *,
    modifier: str | None = None,
    exposures: tuple[str, ...] | None = None,
) -> str:
    """Write the fixed part of a model.

    Parameters
    ----------
    plan : Plan
    model : ModelPlan
    modifier : str, optional
        A term by which every exposure term is allowed to differ, as `C(confidence_band)`.
    exposures : tuple of str, optional
        Terms in the place of the exposure's columns, as the two sides of a neutral point.

    Returns
    -------
    str
        `outcome ~ exposure + covariates`, with `exposure * modifier` where there is one.
    """
    terms = list(exposures or exposure_columns(model))
    if modifier is not None:
        # the band's own curve replaces the linear adjustment for the same measure
        terms = [f"{term} * {modifier}" for term in terms]
    terms += [*model.earlier_outcomes, *(_covariate(plan, name) for name in model.covariates)]
    return f"{model.response} ~ {' + '.join(terms)}"


def build_random_part(plan: Plan, model: ModelPlan) -> str:
    """Write the random part of a multilevel model.

    Returns
    -------
    str
        One bracket a group, as `(1 | client) + (1 + rapport_within | practitioner)`. Which groups
        lie within which is seen from the rows.
    """
    brackets = []
    for group in model.groups:
        names = [_slope(plan, model, name) for name in model.slopes.get(group, ())]
        brackets.append(f"({' + '.join(['1', *dict.fromkeys(names)])} | {group})")
    return " + ".join(brackets)


def _slope(plan: Plan, model: ModelPlan, name: str) -> str:
    # a mean over groups cannot vary within them: of a split exposure its distance from it does
    return exposure_columns(model)[0] if name == model.exposure else _covariate(plan, name)


def _covariate(plan: Plan, name: str) -> str:
    declared = plan.covariates.get(name)
    if declared is None:
        return name
    if declared.type == "category":
        return f"C({name})"
    if declared.form == "spline":
        # centred: a spline that contains the constant cannot stand beside an intercept
        return f"cr({name}, df={SPLINE_DEGREES}, constraints='center')"
    return name
