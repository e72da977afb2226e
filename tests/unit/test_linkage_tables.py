"""The small language of the linkage tests, put to the test itself."""

from linkage_language import linked, seen, table


def test_a_study_of_one_client_is_read_scored_and_linked():
    found = linked(outcomes="client  start\na  20")
    assert seen(found, "client practitioner index rapport confidence job") == table("""
        client  practitioner  index  rapport  confidence  job
        a       P             0      4        2           1
    """)
