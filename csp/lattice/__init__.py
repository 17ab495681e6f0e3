"""Energies and minima of single crystals: from a file to a table or JSON."""
