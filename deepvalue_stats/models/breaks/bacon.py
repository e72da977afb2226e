"""What a two-way fixed-effects regression would compare, and with what weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.breaks.absorbed import absorbed_fit
from deepvalue_stats.models.breaks.history import BreakPanel, Columns, break_panel

Comparison = Literal["never", "not_yet", "already"]


@dataclass(frozen=True)
class BaconPair:
    """A comparison of two groups, each before and after the change of one.

    Attributes
    ----------
    treated : str
        The wave at which those who are taken for treated changed.
    control : str
        That of those they are compared with; empty for never.
    comparison : str
        never; not_yet, who changed later; already, who had changed before: the forbidden one,
        which takes their further course for what happens without a change.
    estimate, weight : float
    """

    treated: str
    control: str
    comparison: Comparison
    estimate: float
    weight: float


@dataclass(frozen=True)
class BaconWeights:
    """A two-way fixed-effects estimate of the change, and what it is made of.

    Attributes
    ----------
    estimate, std_error : float
        Of the regression on all rows.
    n_clients : int
        Of the regression on all rows.
    balanced : float
        Of the regression on clients seen at every wave, which the pairs make up.
    n_balanced : int
        These clients.
    pairs : tuple of BaconPair
        Empty without such clients, or without two groups of them.
    forbidden : float
        Share of the weight on clients who had changed already.
    negative : float
        Sum of the weights below nought that the regression on all rows gives to client-waves after
        the change, where all their weights sum to 1; and `n_negative`, how many have one.
    n_negative, n_treated : int
        Client-waves.
    """

    estimate: float
    std_error: float
    n_clients: int
    balanced: float
    n_balanced: int
    pairs: tuple[BaconPair, ...]
    forbidden: float
    negative: float
    n_negative: int
    n_treated: int

    def frame(self) -> pd.DataFrame:
        """The pairs, one row each."""
        names = list(BaconPair.__annotations__)
        return pd.DataFrame([vars(pair) for pair in self.pairs], columns=names)


def bacon_weights(
    frame: pd.DataFrame,
    *,
    outcome: str,
    client: str,
    time: str,
    practitioner: str,
    reason: str,
    outside: Sequence[str],
) -> BaconWeights:
    """Take a two-way fixed-effects estimate of breaks apart.

    To show why that regression is not to be read where breaks come at different times: it also
    compares clients who have just lost their practitioner with others who lost theirs before, and
    where effects grow it finds too little. For the effect itself use `break_effects`.

    Parameters
    ----------
    frame, outcome, client, time, practitioner, reason, outside
        As of `break_effects`. Clients whom a change within the pair takes out are left out whole.

    Returns
    -------
    BaconWeights

    Raises
    ------
    ModelError
        As `break_effects`, or if effects of clients and waves leave nothing of the change.

    Notes
    -----
    b = sum over pairs of groups k, l of s_kl b_kl, with b_kl the difference in differences of both
    over the waves in which only one of them changes. The theorem is of complete panels, so that
    pairs are of clients seen at every wave. The weights of all rows are those of de Chaisemartin
    and D'Haultfoeuille: what is left of the change after both effects, over its sum among those
    who changed.

    References
    ----------
    Goodman-Bacon (2021), Journal of Econometrics 225, theorem 1; de Chaisemartin and
    D'Haultfoeuille (2020), American Economic Review 110, theorem 1.
    """
    columns = Columns(outcome, client, time, practitioner)
    panel, _ = break_panel(frame, columns, reason=reason, outside=outside)
    return decomposed(panel)


def decomposed(panel: BreakPanel) -> BaconWeights:
    """Take the regression on histories apart; see `bacon_weights`.

    Parameters
    ----------
    panel : BreakPanel
    """
    waves = panel.outcome.shape[1]
    kept = panel.only(((panel.change < waves) & (panel.change > 0)) | panel.never)
    client, wave = np.nonzero(~np.isnan(kept.outcome))
    exposure = (wave >= kept.change[client]).astype("float64")
    codes = np.unique(client, return_inverse=True)[1]
    periods = np.unique(wave, return_inverse=True)[1]
    clusters = kept.practitioner[client]
    nothing = sparse.csr_matrix((len(client), 0))
    left = absorbed_fit(exposure, nothing, codes, periods, clusters).residual
    if not (left**2).sum() > 1e-12 * len(left):
        raise ModelError(
            "effects of clients and waves leave nothing of the change of practitioner",
            "bacon_weights",
            "add waves, or clients whose practitioner stays",
        )
    column = sparse.csr_matrix(exposure[:, None])
    fit = absorbed_fit(kept.outcome[client, wave], column, codes, periods, clusters)
    weights = left[exposure > 0] / left[exposure > 0].sum()
    whole = kept.only(~np.isnan(kept.outcome).any(axis=1))
    pairs = _pairs(whole)
    together = sum(pair.weight * pair.estimate for pair in pairs) if pairs else np.nan
    already = sum(pair.weight for pair in pairs if pair.comparison == "already")
    return BaconWeights(
        estimate=float(fit.params[0]),
        std_error=float(np.sqrt(fit.covariance[0, 0])),
        n_clients=int(codes.max()) + 1,
        balanced=float(together),
        n_balanced=len(whole.change),
        pairs=pairs,
        forbidden=float(already) if pairs else float("nan"),
        negative=float(weights[weights < 0].sum()),
        n_negative=int((weights < 0).sum()),
        n_treated=len(weights),
    )


def _pairs(panel: BreakPanel) -> tuple[BaconPair, ...]:
    """Comparisons of groups in a complete panel, their weights summing to 1."""
    waves = panel.outcome.shape[1]
    groups, codes = np.unique(panel.change, return_inverse=True)
    if len(groups) < 2:
        return ()
    sizes = np.bincount(codes)
    sums = np.zeros((len(groups), waves))
    np.add.at(sums, codes, panel.outcome)
    means, shares = sums / sizes[:, None], sizes / sizes.sum()
    exposed = 1 - groups / waves  # share of waves after the change
    found: list[tuple[int, int, Comparison, float, float]] = []
    for k, g in enumerate(groups):
        for other, h in enumerate(groups):
            if g in (waves, h):
                continue
            never, later = h == waves, h > g
            start, end = (0, int(h)) if later else (int(h), waves)
            before, after = slice(start, int(g)), slice(int(g), end)
            gap = means[k] - means[other]
            estimate = float(gap[after].mean() - gap[before].mean())
            both = shares[k] * shares[other]
            if never:
                weight = both * exposed[k] * (1 - exposed[k])
            elif later:
                weight = both * (exposed[k] - exposed[other]) * (1 - exposed[k])
            else:
                weight = both * exposed[k] * (exposed[other] - exposed[k])
            kind: Comparison = "never" if never else "not_yet" if later else "already"
            found.append((k, other, kind, estimate, float(weight)))
    total = sum(row[-1] for row in found)
    names = (*panel.schedule, "")
    return tuple(
        BaconPair(names[groups[k]], names[groups[other]], kind, estimate, weight / total)
        for k, other, kind, estimate, weight in found
    )
