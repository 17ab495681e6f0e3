"""Reference energies: the expensive level, by programs behind one protocol."""
