"""Repeated waves of the same clients: what happens to a client when the exposure changes.

From a formula to an answer, in the order in which a fit goes through the modules:

- `layout`: whose each row is, in which wave, what is doubled, missing or never changes.
- `estimators`: what can be asked for, and the options that each estimator has.
- `transform`: differences from a client's mean, from the last wave, and means.
- `least_squares`, `components`: the algebra of the linear estimators and of random effects.
- `conditional`, `conditional_loops`: the logit given each client's number of good outcomes.
- `linear`, `odds`, `within_between`, `fitting`: each estimator's fit, and the front door.
- `fit`, `hausman`: what a fit holds, and whether between clients is as within them.
"""
