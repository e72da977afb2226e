"""What a notebook holds in its hand: one page, whose parts are methods without arguments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepvalue_stats.findings import Findings, read_findings
from deepvalue_stats.report import (
    breakdown,
    checklists,
    commissioner,
    heading,
    measurement,
    over_time,
    pictured,
    technical,
)
from deepvalue_stats.report.markup import Html


def open_page(folder: Path | str = ".") -> Page:
    """Open the findings that a page speaks of.

    Parameters
    ----------
    folder : Path or str
        A folder written by `write_findings`; while a page is rendered, the working directory.

    Returns
    -------
    Page
    """
    return Page(read_findings(Path(folder)))


@dataclass(frozen=True)
class Page:
    """Parts of a page; each shows itself at the end of a notebook's cell.

    A part whose data the study does not have is a plain sentence that says so.
    """

    findings: Findings

    def banner(self, kicker: str) -> Html:
        """Question, field, status of the data and caveats, under a line that names the page."""
        return heading.banner(self.findings, kicker)

    def found(self) -> Html:
        """The verdicts in sentences."""
        return commissioner.found(self.findings)

    def boxes(self) -> Html:
        """How much, for how many, how sure."""
        return commissioner.boxes(self.findings)

    def effects(self) -> Html:
        """The commissioner's table of differences."""
        return commissioner.effects(self.findings)

    def predicted(self) -> Html:
        """The predicted outcome by score and band, under a sentence as its heading."""
        return commissioner.predicted(self.findings)

    def predicted_figure(self) -> Html:
        """The same figure without the heading."""
        return commissioner.predicted_lines(self.findings)

    def sure(self) -> Html:
        """The checks and their answers."""
        return commissioner.sure(self.findings)

    def every_check(self) -> Html:
        """All checks, those that hold as well."""
        return commissioner.every_check(self.findings)

    def stress(self) -> Html:
        """What would change the answer, in a few lines."""
        return breakdown.stress(self.findings)

    def means(self) -> Html:
        """What a reader may take from the page."""
        return commissioner.means(self.findings)

    def cannot_say(self) -> Html:
        """What a reader may not take from the page."""
        return commissioner.cannot_say(self.findings)

    def made(self) -> Html:
        """How the report was made, in a few lines."""
        return heading.made(self.findings)

    def estimand(self) -> Html:
        """What is estimated, part by part."""
        return technical.estimand(self.findings)

    def flow_figure(self) -> Html:
        """Who is left at each step, drawn."""
        return technical.flow_drawing(self.findings)

    def flow(self) -> Html:
        """Who is left at each step, band by band."""
        return technical.counted(self.findings, "flow")

    def sources(self) -> Html:
        """The rows of each source."""
        return technical.counted(self.findings, "sources")

    def linkage(self) -> Html:
        """For whom a record of the outcome was found."""
        return technical.counted(self.findings, "linkage")

    def continuity(self) -> Html:
        """How far clients met one practitioner."""
        return technical.counted(self.findings, "continuity")

    def standards(self) -> Html:
        """What reporting standards ask of linked data."""
        return technical.counted(self.findings, "standards")

    def sweep(self) -> Html:
        """The effect with other least weights for a link."""
        return technical.sweep(self.findings)

    def problems(self) -> Html:
        """What was wrong in the data, and what was done about it."""
        return technical.counted(self.findings, "problems")

    def participants(self) -> Html:
        """Who is in the study."""
        return technical.counted(self.findings, "participants")

    def balance(self) -> Html:
        """How alike clients with a less and with a more effective relationship are."""
        return pictured.balance(self.findings)

    def missing(self) -> Html:
        """What is missing, by band."""
        return pictured.missing(self.findings)

    def reliability(self) -> Html:
        """How well the measures hold together."""
        return measurement.reliability(self.findings)

    def scores(self) -> Html:
        """How scores are spread, and how many lie at the ends of their range."""
        return measurement.scores(self.findings)

    def items(self) -> Html:
        """Each item: how it is answered, and whether it goes with the others."""
        return measurement.items(self.findings)

    def steadiness(self) -> Html:
        """How far two ratings of the same client with the same practitioner agree."""
        return measurement.steadiness(self.findings)

    def dimensions(self) -> Html:
        """Whether a scale measures one thing, or several."""
        return measurement.dimensions(self.findings)

    def practitioners(self) -> Html:
        """How well the mean of a practitioner's ratings is known."""
        return measurement.practitioners(self.findings)

    def raters(self) -> Html:
        """How far clients and practitioners agree about their relationship."""
        return measurement.raters(self.findings)

    def alike(self) -> Html:
        """Whether groups of clients read the scale alike."""
        return measurement.alike(self.findings)

    def diagnostics(self) -> Html:
        """How the fits went."""
        return technical.counted(self.findings, "diagnostics")

    def counts(self, name: str) -> Html:
        """Any other table of counts, by its name."""
        return technical.counted(self.findings, name)

    def all_effects(self) -> Html:
        """Every risk difference, model by model."""
        return technical.all_effects(self.findings)

    def other_scales(self) -> Html:
        """Estimates on other scales, with a warning."""
        return technical.other_scales(self.findings)

    def frequencies(self) -> Html:
        """The main effect as chances in 100, for all clients and by band."""
        return breakdown.frequencies(self.findings)

    def interaction(self) -> Html:
        """How the effect differs between bands, on every scale."""
        return breakdown.interaction(self.findings)

    def scales(self) -> Html:
        """The effect by band as chances, difference and ratio."""
        return pictured.scales(self.findings)

    def gap(self) -> Html:
        """The gap in outcomes between bands, and the part of relationships in it."""
        return breakdown.gap(self.findings)

    def surface(self) -> Html:
        """The effect along confidence itself."""
        return breakdown.surface(self.findings)

    def inequality(self) -> Html:
        """How far outcomes and relationships lean towards clients with much confidence."""
        return breakdown.inequality(self.findings)

    def attributes(self) -> Html:
        """The effect along the further attributes that the plan names."""
        return breakdown.attributes(self.findings)

    def shape(self) -> Html:
        """The outcome along the score, free to bend, and what was tested of the curve."""
        return breakdown.shape(self.findings)

    def below_neutral(self) -> Html:
        """The effect below the neutral point, and what clients there stand to lose."""
        return breakdown.below_neutral(self.findings)

    def sensitivity(self) -> Html:
        """What would change the answer."""
        return technical.counted(self.findings, "sensitivity")

    def specifications(self) -> Html:
        """The main difference worked out in other ways."""
        return pictured.specifications(self.findings)

    def practitioner_effects(self) -> Html:
        """How far practitioners may differ, in groups of them and never one by one."""
        return pictured.practitioner_effects(self.findings)

    def triangulation(self) -> Html:
        """Estimates of one effect side by side, and which of them speaks."""
        return over_time.triangulation(self.findings)

    def panel(self) -> Html:
        """How many clients there are to follow over waves, and how many of them change."""
        return over_time.panel(self.findings)

    def dynamics(self) -> Html:
        """Models in which the past has a say."""
        return over_time.dynamics(self.findings)

    def breaks(self) -> Html:
        """What follows a change of practitioner that nobody chose."""
        return over_time.breaks(self.findings)

    def waiting(self) -> Html:
        """How long until the outcome."""
        return over_time.waiting(self.findings)

    def forest(self) -> Html:
        """The risk differences under one another."""
        return technical.forest(self.findings)

    def disclosure(self) -> Html:
        """Disclosure rules and what they did."""
        return technical.disclosure(self.findings)

    def command(self) -> Html:
        """How to make the findings again."""
        return technical.command(self.findings)

    def manifest(self) -> Html:
        """Digests, seed and versions."""
        return technical.manifest(self.findings)

    def checklists(self) -> Html:
        """The annex: where this report answers STROBE, RECORD and TIDieR, and where it does not."""
        return checklists.annex(self.findings)
