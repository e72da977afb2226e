"""The ledger: every row is either left, with a reason, or there."""

from linkage_language import LISTED, linked, study, table

from deepvalue_stats.linkage import flow_table, link, model_rows, sources_table
from deepvalue_stats.measures import client_bands

TABLES = {
    "contacts": """
        client  day  who
        a       0    P
        a       100  P
        b       0    P
        c       0    Q
        d       0    Q
        e       0    .
        f       0    Q
        g       .    Q
    """,
    "ratings": """
        client  day  score
        a       5    4
        b       40   4
        c       5    .
        d       2    3
        d       5    3
        e       5    3
        f       5    2
        h       5    5
    """,
    "outcomes": """
        client  start
        d       3
        f       20
    """,
    "clients": """
        client  conf  last
        a       1     1000
        b       3     1000
        d       2     1000
        e       2     1000
        f       .     1000
    """,
}
BANDS = ("low", "mid", "high")


def flow_of(changes=()):
    plan, data = study(changes, **TABLES)
    rows = model_rows(plan, plan.models[plan.primary], link(plan, data))
    return rows, flow_table(rows, client_bands(plan, data), BANDS).frame


def as_text(frame):
    return [[str(cell) for cell in row] for row in [list(frame), *frame.to_numpy().tolist()]]


def test_the_flow_names_every_loss_with_its_band_and_what_remains():
    _, flow = flow_of()
    assert as_text(flow) == table("""
step                                                           left  left_low  left_mid  left_high  left_unknown  rows  clients  practitioners
episodes built from contacts                                   0     0         0         0          0             7     6        2
a later episode of the same client                             1     1         0         0          0             6     6        2
no rating in the exposure window                               1     0         0         1          0             5     5        2
no rating in the exposure window with enough items of rapport  1     0         0         0          1             4     4        2
outcome before the landmark                                    1     0         1         0          0             3     3        2
practitioner not known                                         1     0         1         0          0             2     2        2
    """)  # noqa: E501


def test_a_row_without_a_covariate_leaves_under_the_covariates_name():
    rows, flow = flow_of({"models.main.covariates": ["confidence"]})
    assert list(flow["step"])[-2:] == [
        "no answer to any item of confidence",
        "practitioner not known",
    ]
    assert list(rows.frame["client"]) == ["a"]


def test_rows_before_a_step_are_those_that_left_and_those_that_remain():
    for changes in ((), {"models.main.covariates": ["confidence"]}):
        rows, flow = flow_of(changes)
        before = flow["rows"].shift(1)[1:]
        assert list(before) == list((flow["left"] + flow["rows"])[1:])
        assert flow["rows"].iloc[-1] == len(rows.frame)
        by_band = [name for name in flow if name.startswith("left_")]
        assert list(flow[by_band].sum(axis=1)) == list(flow["left"])


def test_the_column_for_unknown_bands_stands_only_where_it_is_needed():
    plan, data = study()
    rows = model_rows(plan, plan.models[plan.primary], link(plan, data))
    flow = flow_table(rows, client_bands(plan, data), BANDS).frame
    assert "left_unknown" not in flow
    assert set(flow_table(rows, client_bands(plan, data)[:0], BANDS).frame) == set(flow)


def test_every_row_of_a_source_is_left_out_or_linked_or_not():
    plan, data = study(**TABLES)
    frame = sources_table(plan, data, link(plan, data)).frame
    found = {(r.source, r.step): r.rows for r in frame.itertuples()}
    for name in ("contacts", "ratings", "outcomes", "clients"):
        inside = found[name, "client in the study"]
        assert found[name, "rows in the file"] == inside + found[name, "client not in the study"]
    assert found["contacts", "client not in the study"] == 1  # g has no dated contact
    assert found["contacts", "contact without a date, which makes no episode"] == 1
    assert found["ratings", "client not in the study"] == 1  # h has no contact


def test_every_rating_is_counted_once_by_where_it_falls():
    plan, data = study(**TABLES)
    frame = sources_table(plan, data, link(plan, data)).frame
    words = frame[frame["source"].eq("ratings") & frame["step"].str.startswith("rat")]
    assert dict(zip(words["step"], words["rows"], strict=True)) == {
        "rated in the exposure window": 5,
        "rated on or after the outcome, inside the exposure window": 1,
        "rated before the exposure window": 0,
        "rated after the exposure window": 1,
        "rated by a client without an episode": 1,
        "rating without a date": 0,
    }


def test_ratings_are_placed_on_the_clock_of_the_episode_that_is_analysed():
    """Day 50 lies between two episodes, day 105 in the window of the later one."""
    plan, data = study(
        contacts="client  day  who\na  0  P\na  100  P",
        ratings="client  day  score\na  5  4\na  50  4\na  105  4",
    )
    frame = sources_table(plan, data, link(plan, data)).frame.set_index("step")["rows"]
    assert frame["rated in the exposure window"] == 1
    assert frame["rated before the exposure window"] == 0
    assert frame["rated after the exposure window"] == 2


def test_rows_named_by_a_rule_must_be_complete_in_its_variables_too():
    changes = {"rows": {"strict": {"require": ["confidence"]}}, "models.main.rows": "strict"}
    rows, _ = flow_of(changes)
    assert list(rows.frame["client"]) == ["a"]


def test_a_category_of_numbers_is_coded_in_their_order():
    covariate = {"visits": {"column": "clients.visits", "type": "category", "at": "baseline"}}
    tables = {
        "contacts": "client  day  who\na  0  P\nb  0  P\nc  0  P",
        "ratings": "client  day  score\na  5  4\nb  5  4\nc  5  4",
        "clients": "client  conf  last  visits\na  2  99  12\nb  2  99  6\nc  2  99  24",
    }
    changes = {"covariates": covariate, "models.main.covariates": ["visits"]}
    plan, _ = study(changes, **tables)
    rows = model_rows(plan, plan.models["main"], linked(changes, **tables))
    assert list(rows.frame["visits"].cat.categories) == ["6", "12", "24"]


SPELLS = """
    client  start  end  who
    a       0      40   P
    b       .      40   P
    c       9      8    P
"""


def listed(**tables):
    """A study whose episodes are read from a table, with contacts beside it."""
    contacts = {"clock.episodes.contacts": "contacts.day", "clock.episodes.practitioner": "first"}
    return study(LISTED | contacts, **tables)


def test_episodes_and_contacts_of_a_table_that_count_for_nothing_are_counted():
    contacts = "client  day  who\na  0  P\na  41  Q\na  .  Q\nz  3  P"
    plan, data = listed(spells=SPELLS, contacts=contacts)
    found = link(plan, data)
    lines = sources_table(plan, data, found).frame.set_index(["source", "step"])["rows"].to_dict()
    assert lines["spells", "episode without a start date, which is none"] == 1
    assert lines["contacts", "contact without a date, which is in no episode"] == 1
    (outside,) = found.problems
    assert (outside.source, outside.column, outside.count) == ("contacts", "day", 2)
    assert outside.what == "contact outside every episode of the client"
    assert outside.first_line == 2


def test_an_episode_that_ends_before_it_begins_is_a_fault():
    _, data = listed(spells=SPELLS, contacts="client  day  who\na  0  P")
    (backwards,) = data["spells"].problems
    assert (backwards.what, backwards.count, backwards.action) == (
        "episode ends before it begins", 1, "row excluded"
    )  # fmt: skip


def test_an_event_after_death_is_counted_and_stays():
    clients = "client  conf  last  died\na  2  1000  20\nb  2  1000  ."
    found = linked(
        {"clock.follow_up.death": "clients.died"},
        contacts="client  day  who\na  0  P\nb  0  P",
        outcomes="client  start\na  20\na  21\nb  900",
        clients=clients,
    )
    (late,) = found.problems
    assert (late.what, late.count, late.first_line, late.action) == (
        "event after the client's death", 1, 2, "noted"
    )  # fmt: skip
