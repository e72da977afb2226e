"""Time to event in discrete time: rows of persons and periods, and hazards fitted to them.

`expansion` makes a row for every period at risk; `record` keeps what a fit has to know of the
clock; `plain` fits without random effects; `fitting` is `fit_hazard`.
"""
