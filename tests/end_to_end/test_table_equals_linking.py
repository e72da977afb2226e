"""The generator's own analysis table is what the package makes of the written extracts.

The scoreboard fits to the table, which never was a file. This holds the two together, client by
client: who is in the cohort, the score, the outcomes, the practitioner and the covariates.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.plan import parse_plan
from deepvalue_stats.simulate import AREAS, PRESETS, analysis_table, draw_service, simulate_service
from deepvalue_stats.simulate.files import write_service
from deepvalue_stats.study import prepare

SIZE = {"services": 4, "practitioners": 3, "caseload": 15}
SEEDS = (1, 2)
SECONDS = {"employment": "sustained_job", "debt": "resolved", "health": "course_completed"}


def own_table(service):
    """The generator's table with the identifiers of the files; consenting clients only."""
    table = analysis_table(draw_service(service.parameters, service.truth["seed"]))
    table = table[table["consented"]]
    # no two clients have the same true relationship to the last bit
    ids = service.known.set_index("relationship")[["client_id", "main_practitioner_id"]]
    assert ids.index.is_unique
    return table.join(ids, on="true_relationship").set_index("client_id")


def linked_rows(area, folder, template):
    """What the package's own reading and linking make of the files, for the plan's main model."""
    tables = template(area)
    for name, source in tables["sources"].items():
        source["path"] = str(folder / f"{name}.csv")
    plan = parse_plan(tables)
    prepared = prepare(plan, folder=Path())
    assert not [p for p in prepared.linked.problems if p.action != "noted"]
    everybody = prepared.linked.frame.set_index("client")
    return plan, everybody, prepared.primary_rows.frame.set_index("client")


def as_numbers(values):
    return values.to_numpy(dtype=np.float64)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_table_is_what_linking_makes_of_the_files(preset, seed, tmp_path, template):
    service = simulate_service(preset, seed=seed, **SIZE)
    write_service(service, tmp_path, faults=False)
    table = own_table(service)
    areas = service.parameters.areas
    for area in areas:
        folder = tmp_path / area if len(areas) > 1 else tmp_path
        plan, everybody, cohort = linked_rows(area, folder, template)
        mine = table[table["area"] == area]
        assert set(everybody.index) == set(mine.index)
        inside = mine["at_risk"] & mine["complete"] & mine["rated"]
        assert set(cohort.index) == set(mine.index[inside])
        mine, cohort = mine[inside].sort_index(), cohort.sort_index()
        assert list(mine["main_practitioner_id"]) == list(cohort["practitioner"])
        services = pd.DataFrame({"own": mine["service"], "linked": cohort["service"]})
        assert (services.drop_duplicates().nunique() == len(services.drop_duplicates())).all()
        compared = {
            "relationship": "relationship",
            "outcome": plan.models["main"].outcome,
            "confidence": "confidence",
            "age": "age",
            "need": AREAS[area].need_column,
        }
        if AREAS[area].sanctions:
            compared["sanction_rate"] = "sanction_rate"
        # the second outcome has a longer follow-up, and so is not known of everybody
        known = everybody.loc[cohort.index, SECONDS[area]].notna()
        assert known.mean() > 0.5
        second = everybody.loc[cohort.index, SECONDS[area]][known]
        np.testing.assert_array_equal(as_numbers(mine["second"][known]), as_numbers(second))
        for own, linked in compared.items():
            np.testing.assert_allclose(
                as_numbers(mine[own]), as_numbers(cohort[linked]), atol=1e-9, err_msg=own
            )
