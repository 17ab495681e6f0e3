"""A landscape for other programs and for print."""
