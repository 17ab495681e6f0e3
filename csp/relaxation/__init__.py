"""Relaxation of packings to lattice-energy minima."""
