"""From a molecule to its gas-phase conformers."""
