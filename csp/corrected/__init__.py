"""A landscape corrected: reference energies learned, every structure ranked anew."""
