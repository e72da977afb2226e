"""How answers and scores lie on their scale: items one by one, the ends, and a histogram."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import skew

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.tables import read_only

# more of the scores at one end: differences there are not seen (Terwee et al. 2007)
CROWDED_END = 0.15
AT_CEILING = 0.80
HARDLY = 0.20
MOST_BINS = 20
SLIGHT = 1e-9  # of a range: a score this near to an edge lies on it


@dataclass(frozen=True)
class ItemStatistics:
    """What is known of k items of a scale, each against the others.

    Attributes
    ----------
    rows, complete : int
        All rows, and those in which every item was answered.
    answered : numpy.ndarray of int, shape (k,)
    missing : numpy.ndarray, shape (k,)
        Share of the rows without an answer.
    mean, std_dev : numpy.ndarray, shape (k,)
        Of the answers, in the items' units.
    at_lowest, at_highest : numpy.ndarray, shape (k,)
        Shares of the answers.
    item_rest : numpy.ndarray, shape (k,)
        Correlation of the item with the sum of the others, over complete rows.
    alpha_without : numpy.ndarray, shape (k,)
        Alpha of the others, over complete rows.
    trouble : tuple of str
        By item, what is wrong with it; empty where nothing is.
    """

    rows: int
    complete: int
    answered: np.ndarray = field(repr=False)
    missing: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    std_dev: np.ndarray = field(repr=False)
    at_lowest: np.ndarray = field(repr=False)
    at_highest: np.ndarray = field(repr=False)
    item_rest: np.ndarray = field(repr=False)
    alpha_without: np.ndarray = field(repr=False)
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ends:
    """How many scores lie at the ends of their range.

    Attributes
    ----------
    n : int
        Scores.
    at_lowest, bottom_tenth, top_tenth, at_highest : int
        How many are exactly at an end, or in the tenth of the range next to it, the end included.
    mean, std_dev, skewness : float
        Skewness below 0 where the long tail is that of low scores; not a number where scores do
        not vary.
    why : str
        Why there is nothing to say; empty where there is.
    """

    n: int
    at_lowest: int
    bottom_tenth: int
    top_tenth: int
    at_highest: int
    mean: float
    std_dev: float
    skewness: float
    why: str = ""

    @property
    def ceiling(self) -> bool:
        """Whether more than 15 % have the highest score there can be."""
        return self.at_highest > CROWDED_END * self.n

    @property
    def floor(self) -> bool:
        """Whether more than 15 % have the lowest score there can be."""
        return self.at_lowest > CROWDED_END * self.n


def item_statistics(items: np.ndarray, response_range: tuple[float, float]) -> ItemStatistics:
    """Item by item: who answers, how, and whether the item goes with the others.

    Use it to find an item that was not turned round, is not understood, or cannot tell clients
    apart. An item that goes badly with the others may still be the one that matters.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Responses, reversed items turned; NaN where there is none.
    response_range : tuple of float
        Lowest and highest response.

    Returns
    -------
    ItemStatistics
        Not a number where there are fewer than three complete rows, or nothing that varies; alpha
        of the others needs two of them.

    Raises
    ------
    DataError
        If responses are outside their range: how many, by position of the item from 1.

    Notes
    -----
    item_rest_i = cor(x_i, T - x_i), T the sum of all items;
    alpha_without_i = (k - 1) / (k - 2) (1 - sum of the others' variances / var(T - x_i)).

    References
    ----------
    Nunnally and Bernstein (1994), Psychometric theory, chapter 8; Streiner, Norman and Cairney
    (2015), Health measurement scales, chapter 5, for the limit of .20.
    """
    _refuse_outside(items, response_range, [f"item {i + 1}" for i in range(items.shape[1])])
    n, k = items.shape
    given = ~np.isnan(items)
    answered = given.sum(axis=0)
    some = np.where(answered > 0, answered, np.nan)
    mean = np.where(given, items, 0.0).sum(axis=0) / some
    squares = (np.where(given, items - mean, 0.0) ** 2).sum(axis=0)
    complete = items[given.all(axis=1)]
    item_rest, alpha_without = _against_the_rest(complete)
    low, high = response_range
    at_lowest, at_highest = ((items == end).sum(axis=0) / some for end in (low, high))
    spread = np.sqrt(squares / np.where(answered > 1, answered - 1, np.nan))
    trouble = [
        trouble_of(int(count), bool(least == most), float(rest), float(top))
        for count, least, most, rest, top in zip(
            answered, *_span(items, given), item_rest, at_highest, strict=True
        )
    ]
    return ItemStatistics(
        rows=n,
        complete=len(complete),
        answered=read_only(answered),
        missing=read_only(1 - answered / n if n else np.full(k, np.nan)),
        mean=read_only(mean),
        std_dev=read_only(spread),
        at_lowest=read_only(at_lowest),
        at_highest=read_only(at_highest),
        item_rest=read_only(item_rest),
        alpha_without=read_only(alpha_without),
        trouble=tuple(trouble),
    )


def trouble_of(answered: int, constant: bool, item_rest: float, at_highest: float) -> str:
    """What is wrong with an item, in words.

    Parameters
    ----------
    answered : int
    constant : bool
        Whether all answers are one.
    item_rest : float
        Not a number where there is none.
    at_highest : float
        Share of the answers at the highest response.

    Returns
    -------
    str
        Empty where nothing is.

    Examples
    --------
    >>> trouble_of(200, False, 0.1, 0.85)
    'hardly goes with the others; at its ceiling'
    """
    if not answered:
        return "nobody answered it"
    if constant:
        return "does not vary"
    said = []
    if item_rest < 0:
        said.append("goes against the others: probably not turned round")
    elif item_rest < HARDLY:
        said.append("hardly goes with the others")
    if at_highest > AT_CEILING:
        said.append("at its ceiling")
    return "; ".join(said)


def ceiling(scores: np.ndarray, response_range: tuple[float, float]) -> Ends:
    """Whether scores crowd at an end of their range, where they can no longer differ.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n,)
        NaN where there is none.
    response_range : tuple of float
        Lowest and highest score there can be.

    Returns
    -------
    Ends

    Raises
    ------
    DataError
        If scores are outside their range.

    Notes
    -----
    Skewness is m3 / m2^1.5 of the moments about the mean.

    References
    ----------
    Terwee et al. (2007), Journal of Clinical Epidemiology 60: no more than 15 % at either end.
    """
    _refuse_outside(scores[:, None], response_range, ["the score"])
    known = scores[~np.isnan(scores)]
    if not len(known):
        return Ends(0, 0, 0, 0, 0, np.nan, np.nan, np.nan, "no scores")
    varies = np.ptp(known) > SLIGHT * (response_range[1] - response_range[0])
    lowest, bottom, top, highest = (int(part.sum()) for part in at_ends(known, response_range))
    return Ends(
        n=len(known),
        at_lowest=lowest,
        bottom_tenth=bottom,
        top_tenth=top,
        at_highest=highest,
        mean=float(known.mean()),
        std_dev=float(known.std(ddof=1)) if len(known) > 1 else np.nan,
        skewness=float(skew(known)) if varies else np.nan,
    )


def at_ends(
    scores: np.ndarray, response_range: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which scores are at the lowest, in the bottom tenth, in the top tenth, at the highest.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n,)
        NaN, where there is none, is nowhere.
    response_range : tuple of float
        Lowest and highest score there can be.

    Returns
    -------
    tuple of four boolean numpy.ndarray, shape (n,)
        A tenth is one of the range, its end and its edge included.
    """
    low, high = response_range
    tenth, slack = (high - low) / 10, SLIGHT * (high - low)
    return (
        scores <= low + slack,
        scores <= low + tenth + slack,
        scores >= high - tenth - slack,
        scores >= high - slack,
    )


def score_bins(response_range: tuple[int, int], items: int) -> np.ndarray:
    """Edges of bins for a histogram of a scale's mean score.

    Parameters
    ----------
    response_range : tuple of int
        Lowest and highest response of an item.
    items : int
        How many items the score is the mean of.

    Returns
    -------
    numpy.ndarray, shape (bins + 1,)
        At most 20 bins of equal width, a whole number of the score's steps. Edges lie half-way
        between possible scores, so that none is empty because no score can be in it; the outer
        ones reach beyond the range. The highest bin holds as many possible scores as any; the
        lowest may hold fewer.

    Notes
    -----
    Steps are 1 / items, m = ceil(possible scores / 20) of them to a bin. Without every item
    answered scores lie between the steps, and are counted where they are.

    Examples
    --------
    >>> score_bins((1, 4), 1).tolist()
    [0.5, 1.5, 2.5, 3.5, 4.5]
    """
    low, high = response_range
    possible = items * (high - low) + 1
    width = -(-possible // MOST_BINS)
    bins = -(-possible // width)
    below = width * np.arange(bins, -1, -1)
    return np.asarray(high + (0.5 - below) / items)


def histogram(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each score.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n,)
        NaN where there is none.
    edges : numpy.ndarray, shape (bins + 1,)
        As `score_bins` gives them; a score on an edge belongs to the upper bin.

    Returns
    -------
    numpy.ndarray of int, shape (n,)
        From 0; -1 where there is no score.

    Raises
    ------
    DataError
        If scores are outside the edges.
    """
    _refuse_outside(scores[:, None], (edges[0], edges[-1]), ["the score"])
    slack = SLIGHT * (edges[-1] - edges[0])
    place = np.searchsorted(edges, scores + slack, side="right") - 1
    return np.where(np.isnan(scores), -1, np.minimum(place, len(edges) - 2))


def ends_in_words(share: float, end: str) -> str:
    """What a reader has to know of scores at one end of the range.

    Parameters
    ----------
    share : float
        Of the ratings, at that end exactly; as disclosure control lets it out.
    end : str
        highest or lowest.

    Returns
    -------
    str

    Examples
    --------
    >>> ends_in_words(0.38, "highest")
    '38% of the ratings have the highest possible score: differences among them cannot be seen.'
    >>> ends_in_words(0.04, "lowest")
    '4% of the ratings have the lowest possible score.'
    """
    said = f"{100 * share:.0f}% of the ratings have the {end} possible score"
    reading = end_reading(share)
    return f"{said}: {reading}." if reading else f"{said}."


def end_reading(share: float) -> str:
    """What a share at one end means, without a number; empty up to 15 %.

    Examples
    --------
    >>> end_reading(0.2)
    'differences among them cannot be seen'
    """
    return "differences among them cannot be seen" if share > CROWDED_END else ""


def _against_the_rest(complete: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Item-rest correlations and alphas without the item, of complete rows."""
    n, k = complete.shape
    nothing = np.full(k, np.nan)
    if n < 3 or k < 2:
        return nothing, nothing
    covariance = np.cov(complete, rowvar=False)
    own = np.diag(covariance)
    with_rest = covariance.sum(axis=0) - own
    rest = covariance.sum() - 2 * with_rest - own
    still = np.ptp(complete, axis=0) == 0
    # a sum of parts that cancel is zero only up to rounding
    known = rest > SLIGHT * own.sum()
    scale = np.sqrt(np.where(known & ~still, rest * own, np.nan))
    if k < 3:
        return with_rest / scale, nothing
    left = np.where(known, rest, np.nan)
    return with_rest / scale, (k - 1) / (k - 2) * (1 - (own.sum() - own) / left)


def _span(items: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest answer of each item; infinite where there is none."""
    least = np.where(given, items, np.inf).min(axis=0, initial=np.inf)
    most = np.where(given, items, -np.inf).max(axis=0, initial=-np.inf)
    return least, most


def _refuse_outside(
    values: np.ndarray, response_range: tuple[float, float], names: list[str]
) -> None:
    low, high = response_range
    slack = SLIGHT * (high - low)
    outside = ((values < low - slack) | (values > high + slack)).sum(axis=0)
    faults = [
        Fault(
            f"{int(count)} of {len(values)} values are outside {low:g} to {high:g}",
            name,
            "correct the range, or read the code as missing or not applicable",
        )
        for name, count in zip(names, outside, strict=True)
        if count
    ]
    if faults:
        raise DataError.of(faults)
