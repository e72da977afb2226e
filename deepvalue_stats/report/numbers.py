"""Numbers as a reader meets them: per 100 clients, with a true minus sign, and words by rule."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from scipy.stats import t as student

MINUS = "\u2212"
HIDDEN = "[c]"
"""The mark that disclosure control leaves in a cell."""

HIGHER = "Likely higher"
LOWER = "Likely lower"
UNCERTAIN = "Uncertain"
SMALL = "No worthwhile difference"

REASONS = {
    "suppressed": "Suppressed",
    "not_converged": "Not estimated",
    "failed_gate": "Not shown",
}
EXPLAINED = {
    "suppressed": "Suppressed: too few clients, or too few with or without the outcome, "
    "stand behind the figure.",
    "not_converged": "Not estimated: the model did not settle on an answer, so no figure is given.",
    "failed_gate": "Not shown: a check of the design rules the figure out.",
}


@dataclass(frozen=True)
class Estimate:
    """One estimate per 100 clients, ready for words.

    Attributes
    ----------
    group : str
        Whom it is about.
    value, low, high : float
        Difference per 100 clients and its 95% interval; missing unless `status` is ok.
    dof : float
        Degrees of freedom of the interval; infinite for the normal.
    clients, rows, practitioners : str
        Counts as they may be printed.
    status : str
        ok, not_converged, failed_gate or suppressed.
    """

    group: str
    value: float
    low: float
    high: float
    dof: float
    clients: str
    rows: str
    practitioners: str
    status: str

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return self.status == "ok"


def words(name: str) -> str:
    """A name of the plan as a reader would write it.

    Examples
    --------
    >>> words("entered_work")
    'entered work'
    """
    return name.replace("_", " ").strip()


def sentence(text: str) -> str:
    """The same words with a capital at the start, and the rest left as it is."""
    return text[:1].upper() + text[1:]


def decimal(value: float, digits: int = 1) -> str:
    """A number with a true minus sign, never minus zero.

    Examples
    --------
    >>> decimal(-2.34), decimal(-0.04)
    ('−2.3', '0.0')
    """
    text = f"{abs(value):.{digits}f}"
    return text if value >= 0 or not text.strip("0.") else MINUS + text


def signed(value: float, digits: int = 1) -> str:
    """A difference: the sign is always shown, except for zero.

    Examples
    --------
    >>> signed(5.66), signed(-0.5), signed(0.01)
    ('+5.7', '−0.5', '0.0')
    """
    text = decimal(value, digits)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def interval(low: float, high: float, digits: int = 1) -> str:
    """A 95% interval with signs.

    Examples
    --------
    >>> interval(-2, 4.5)
    '−2.0 to +4.5'
    """
    return f"{signed(low, digits)} to {signed(high, digits)}"


def reading(estimate: Estimate, worthwhile: float) -> str:
    """How to read an estimate, in words that nobody chooses by hand.

    Parameters
    ----------
    estimate : Estimate
    worthwhile : float
        The smallest difference per 100 clients that the plan calls worthwhile, above zero.

    Returns
    -------
    str
        In this order: the reason, where there is no number; `No worthwhile difference` when the
        90% interval lies inside plus and minus `worthwhile`; `Likely higher` or `Likely lower`
        when the 95% interval lies on one side of zero; otherwise `Uncertain`.

    Notes
    -----
    The 90% interval has the centre and the reference distribution of the 95% interval, so that
    being inside is two one-sided tests at 5%.
    """
    if not estimate.ok:
        return REASONS.get(estimate.status, "Not shown")
    shrink = float(student.ppf(0.95, estimate.dof) / student.ppf(0.975, estimate.dof))
    low = estimate.value + shrink * (estimate.low - estimate.value)
    high = estimate.value + shrink * (estimate.high - estimate.value)
    if -worthwhile < low and high < worthwhile:
        return SMALL
    if estimate.low > 0:
        return HIGHER
    return LOWER if estimate.high < 0 else UNCERTAIN


def between_bands(read: str) -> str:
    """The same reading for a difference between two bands, where more means a larger difference.

    Examples
    --------
    >>> between_bands("Likely higher"), between_bands("Uncertain")
    ('Likely larger', 'Uncertain')
    """
    return {HIGHER: "Likely larger", LOWER: "Likely smaller"}.get(read, read)


def probability(value: float) -> str:
    """A p-value for the technical report.

    Examples
    --------
    >>> probability(0.0003), probability(0.0421), probability(float("nan"))
    ('<0.001', '0.042', '')
    """
    if math.isnan(value):
        return ""
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def count(text: str) -> str:
    """A whole number with commas; anything else stays as it is.

    Examples
    --------
    >>> count("12345"), count("[c]")
    ('12,345', '[c]')
    """
    return f"{int(text):,}" if re.fullmatch(r"\d+", text) else text


def cell(text: str, *, share: bool = False) -> str:
    """A cell of a cleared table for a reader: whole numbers with commas, shares in percent.

    Examples
    --------
    >>> cell("0.54731", share=True), cell("0.54731"), cell("1200"), cell("[c]")
    ('54.7%', '0.547', '1,200', '[c]')
    """
    if re.fullmatch(r"\d+", text) and not share:
        return count(text)
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return "none" if math.isinf(value) else ""
    return f"{100 * value:.1f}%" if share else decimal(value, 3)
