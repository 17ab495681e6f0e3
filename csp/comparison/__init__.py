"""Which crystals are the same, and what symmetry they have."""
