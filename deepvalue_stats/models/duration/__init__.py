"""Time to an event: curves with competing exits, their tests, restricted means, hazard models.

Durations are counted from the start of a client's clock. Whole days stay exact; floating times
that differ by rounding only are taken as one (see `times.merge_ties`).
"""
