"""Compiled lattice sums: energy and gradient of a crystal of rigid molecules.

Only interactions of the asymmetric unit are summed. Body ``b`` has its centre of
mass at ``s_b h`` (rows of ``h`` are the lattice vectors) and its sites at
``x_i = s_b h + Q_b d_i``; its images are ``(R s_b + t) h`` with orientations
``R_cart Q_b``. Energies are kJ/mol per cell, distances Å, charges e.

E = ½ Σ_A Σ_{B≠A} Σ_ij [w(r) u_exp6(r) + k q_i q_j erfc(αr)/r]
    + (2πk/V) Σ_{G≠0} e^{−G²/4α²} G⁻² |S(G)|² − self − intramolecular − tail

All functions release the GIL and do the same operations in the same order whatever
the number of threads.

References:
    Williams, Acta Cryst. A27, 452 (1971); Willock, Price, Leslie & Catlow, J. Comput.
    Chem. 16, 628 (1995).
"""
