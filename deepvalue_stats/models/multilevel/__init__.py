"""Multilevel models by maximum likelihood.

From a formula to an answer, in the order in which a fit goes through the modules:

- `terms`, `grouping`, `random`: the formula's brackets as codes and effect columns.
- `layout`: rows sorted, nesting detected, an engine chosen.
- `rows`, `intercepts`, `slopes`, `crossed`, `crossed_intercepts`, `dense`, `gram`: compiled loops,
  with the exact gradient of the Laplace approximation; `rule`, `quadrature`, `nested_quadrature`:
  of adaptive quadrature; `engine`, `crossed_engine`: one face for all of them.
- `problem`, `lambdas`, `optimise`, `solve`: the objective in scaled units, and its minimum.
- `gaussian`, `gaussian_criterion`: the linear model.
- `binomial`, `linear`, `estimates`, `outcome`, `fitting`: each family's fit, and the front door.
- `degrees`, `restricted`, `robust`, `profile`, `compare`, `boundary`, `bootstrap`, `refit`:
  inference; `doubts`, `separation`: what may be wrong; `averaging`, `plain`: what it means.
"""
