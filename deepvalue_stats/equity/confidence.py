"""For whom: the effect in each band of baseline confidence, and how the bands differ."""

from __future__ import annotations

from deepvalue_stats.effects import Contrast, average_effect
from deepvalue_stats.measures import BAND
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import EffectTable


def effect_by_confidence(
    fit: ModelFit, exposure: str, *, contrast: Contrast, reference: str
) -> EffectTable:
    """The risk difference in each confidence band, and each band minus the reference.

    Both come from one fit with the bands in it, so that a difference between bands has its own
    interval: that one band's interval excludes zero and another's does not is no difference.

    Parameters
    ----------
    fit : ModelFit
        With the exposure free to differ by band.
    exposure : str
    contrast : Contrast
        The unit, the same as of the effect for all clients.
    reference : str
        The band with which the others are compared.

    Returns
    -------
    EffectTable
        Rows `low`, `mid`, ..., then `low minus high`, ...: the additive scale.

    References
    ----------
    Knol and VanderWeele (2012), International Journal of Epidemiology 41.
    """
    return average_effect(fit, exposure, contrast=contrast, by=BAND, reference=reference)
