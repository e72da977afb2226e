"""Multilevel models by maximum likelihood: formula, random effects, engines, inference."""
