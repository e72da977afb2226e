"""Run one study of three service areas and render its pages.

    python analyses/three_services/run.py

The extracts of the three synthetic services are put under one another with common names, each row
with its area, as an evaluator does who holds several: the outcome is the first date on which the
client reached what the service is for.
"""

from pathlib import Path

import pandas as pd

from deepvalue_stats import render, run_study

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "synthetic_data"
OUTPUT = Path("reports") / HERE.name
IDS = ["client_id", "practitioner_id", "service_id", "rating_id", "contact_id"]
# what each area calls the practitioner, the service, and the date of its outcome
NAMES = {
    "employment": {
        "adviser_id": "practitioner_id",
        "office_id": "service_id",
        "job_start": "reached_on",
    },
    "debt": {
        "adviser_id": "practitioner_id",
        "branch_id": "service_id",
        "progress_on": "reached_on",
    },
    "health": {"clinic_id": "service_id", "quit_on": "reached_on"},
}
# a client may have several jobs, and would then have several rows
KEEP = {
    "ratings": ["rating_id", "client_id", "rated_on", *(f"q{i:02}" for i in range(1, 13))],
    "contacts": ["contact_id", "client_id", "practitioner_id", "service_id", "met_on"],
    "outcomes": ["client_id", "reached_on"],
    "clients": ["client_id", "c01", "c02", "c03", "c04", "age", "record_end", "area"],
}


def read(area: str, source: str) -> pd.DataFrame:
    """One extract as text, under the common names and with ids that no other area has."""
    path = DATA / area / f"{source}.csv"
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "latin-1"
    frame = pd.read_csv(
        path, sep=None, engine="python", encoding=encoding, dtype=str, keep_default_na=False
    )
    frame = frame.rename(columns=NAMES[area]).assign(area=area)
    for name in (name for name in IDS if name in frame):
        digits = 8 if name == "client_id" else 0
        frame[name] = area[0] + frame[name].str.zfill(digits)
    return frame[KEEP[source]]


def together() -> dict[str, pd.DataFrame]:
    """Each source of all areas."""
    return {
        source: pd.concat([read(area, source) for area in NAMES], ignore_index=True)
        for source in KEEP
    }


if __name__ == "__main__":
    run_study(HERE / "plan.toml", frames=together(), output=OUTPUT)
    for kind in ("summary", "technical"):
        render(OUTPUT / "findings", kind, OUTPUT / f"{kind}.html", notebook=HERE / f"{kind}.py")
