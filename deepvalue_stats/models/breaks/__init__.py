"""The change of practitioner as a design: what follows when a practitioner leaves.

`break_effects` is the estimate; `sun_abraham` and `bacon_weights` stand beside it, `break_placebo`
asks the same of closed cases, and `trend_bounds` says how far it bears a trend of its own.
"""
