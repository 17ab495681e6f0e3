"""Δ-learning: what a better method would say of crystals it was not asked about."""
