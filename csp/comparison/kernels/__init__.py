"""Compiled comparisons: distances of neighbours, contacts, overlays of clusters.

All functions release the GIL and do the same operations in the same order whatever
the number of threads.
"""
