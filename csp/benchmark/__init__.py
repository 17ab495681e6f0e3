"""Searches for crystals that are known, and what became of each."""
