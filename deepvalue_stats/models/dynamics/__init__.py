"""What carries over from wave to wave: outcomes that persist, and which of two things came first.

- `waves`: what was so at a client's wave directly before or after, and what never goes back.
- `lagged`, `initial`: an outcome given the one before it, with the initial condition held.
- `placebo`: whether the next wave's exposure goes with this wave's outcome.
- `nickell`: how far a lagged outcome is off once clients' own levels are taken out.
- `cross_lagged`: two things that may each move the other, as deviations from clients' own levels;
  `structure` and `patterns` are its moments and its likelihood, `maximum` climbs it, `indices` says
  how well it fits and `path_tables` what it says.
"""
