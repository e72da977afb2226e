"""The primary model asked differently: bent at neutral, by area, along confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from deepvalue_stats.data import Dataset
from deepvalue_stats.effects import hinge
from deepvalue_stats.equity import ridits
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import assign_bands, with_bands
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan

Step = Callable[[Plan, Dataset], Dataset]
HINGED, SURFACE, ACROSS, SPLIT = "hinged", "surface", "across", "split"
UNEQUAL = "unequal"
# followed by the name of a further attribute
ALSO = "also "

# what the effect table calls each: the primary model's name, and what is different
_NAMES: Mapping[str, str] = {
    HINGED: "{primary}, bent at neutral",
    SURFACE: "{primary} x {modifier} score",
    ACROSS: "{primary} x {across}",
    SPLIT: "{primary}, within and between",
    UNEQUAL: "outcomes along {modifier}",
}


def _as_it_is(_plan: Plan, rows: Dataset) -> Dataset:
    return rows


@dataclass(frozen=True)
class Variant:
    """How a fit differs from the model that the plan names.

    Attributes
    ----------
    model : ModelPlan
    also : tuple of str
        Further variables that must be present.
    modifier : str or None
        A term by which the exposure's terms may differ.
    exposures : tuple of str or None
        Terms in the place of the exposure's columns.
    prepare : callable
        What is done to the model's rows.
    """

    model: ModelPlan
    also: tuple[str, ...] = ()
    modifier: str | None = None
    exposures: tuple[str, ...] | None = None
    prepare: Step = _as_it_is


def variants_of(plan: Plan) -> dict[str, Variant]:
    """The variants that a plan gives cause for, by name."""
    model = plan.models[plan.primary]
    # a neutral point and an area are matters of the score, not of its parts
    whole = model.model_copy(update={"split": "none", "split_by": None})
    neutral = plan.measures[model.exposure].neutral
    found = {}
    if neutral is not None:
        exposures = tuple(hinge(model.exposure, neutral).split(" + "))
        found[HINGED] = Variant(whole, exposures=exposures, prepare=_banded_where_known)
    if plan.across is not None:
        by = plan.across.by
        found[ACROSS] = Variant(whole, also=(by,), modifier=f"C({by})")
    modifier = plan.equity.modifier
    found[SURFACE] = Variant(whole, also=(modifier,), modifier=modifier)
    others = tuple(name for name in whole.covariates if name != modifier)
    found[UNEQUAL] = Variant(
        whole.model_copy(update={"covariates": others}),
        also=(modifier,),
        exposures=(rank_of(modifier),),
        prepare=_ranked,
    )
    for name in plan.equity.also:
        by = f"C({group_of(plan, name)})"
        prepare = partial(_grouped, name=name)
        found[f"{ALSO}{name}"] = Variant(whole, also=(name,), modifier=by, prepare=prepare)
    split_by = _split_by(plan)
    if split_by and all(one.split == "none" for one in plan.models.values()):
        parts = {"split": "within_between", "split_by": split_by}
        found[SPLIT] = Variant(model.model_copy(update=parts))
    return found


def variant_name(plan: Plan, variant: str) -> str:
    """How a variant is named in tables."""
    if variant.startswith(ALSO):
        return f"{plan.primary} x {variant.removeprefix(ALSO)}"
    return _NAMES[variant].format(
        primary=plan.primary,
        modifier=plan.equity.modifier,
        across=plan.across.by if plan.across else "",
    )


def rank_of(modifier: str) -> str:
    """The column of each client's rank in confidence, from 0 to 1."""
    return f"{modifier}__rank"


def group_of(plan: Plan, attribute: str) -> str:
    """The column of the groups of a further attribute: its own, or the bands of a number."""
    return f"{attribute}__group" if plan.equity.also[attribute].bands else attribute


def _ranked(plan: Plan, rows: Dataset) -> Dataset:
    modifier = plan.equity.modifier
    ranks = ridits(rows.frame[modifier].to_numpy(dtype="float64"))
    return rows.with_columns(**{rank_of(modifier): ranks})


def _grouped(plan: Plan, rows: Dataset, *, name: str) -> Dataset:
    """The groups of an attribute, with that of reference among them."""
    attribute, column = plan.equity.also[name], group_of(plan, name)
    if attribute.bands:
        groups = assign_bands(rows.frame[name], attribute.bands)
        known = rows.with_columns(**{column: groups})
        rows = known.restrict(groups.notna().to_numpy(), f"{name} below the lowest band")
        used = rows.frame[column].cat.remove_unused_categories()
        rows = rows.with_columns(**{column: used})
    if attribute.reference not in set(rows.frame[column].astype(str)):
        raise ModelError(
            "no row of the model is in the group of reference",
            f"equity.also.{name}.reference",
            "name a group that holds clients",
        )
    return rows


def _split_by(plan: Plan) -> str | None:
    """Whose means the exposure is taken apart by: the client over waves, else the practitioner."""
    if plan.clock.kind == "waves":
        return "client"
    return "practitioner" if plan.ids.practitioner else None


def _banded_where_known(plan: Plan, rows: Dataset) -> Dataset:
    """The band of each row, for a ledger by band; rows without one stay."""
    return with_bands(plan, rows) if plan.equity.modifier in rows.frame else rows
