"""What a report says of itself: what was not done, and what is not known."""

from csp.page.overlays import N_AMONG_THEMSELVES, N_WITH_OBSERVED


def not_done(
    *,
    n_structures: int,
    has_ranking: bool,
    has_diagnostics: bool,
    has_completeness: bool,
    n_observed: int,
) -> tuple[str, ...]:
    """What this page does not show, one sentence each."""
    sentences = []
    if not has_ranking:
        sentences.append(
            "There is no corrected landscape: energies are those of the force field, "
            "which mis-ranks polymorphs by several kJ/mol. csp correct DIR makes one."
        )
    elif not has_diagnostics:
        sentences.append(
            "What the correction was learned from is not stored in this folder "
            "(ranking.json): csp correct DIR writes it."
        )
    if not has_completeness:
        sentences.append(
            "How the minima came in is not stored in this folder (completeness.csv): "
            "the same csp run command writes it."
        )
    if n_observed == 0:
        sentences.append(
            "No observed form was given: csp report DIR --observed FORM.cif compares "
            "with one."
        )
    elif n_structures > N_WITH_OBSERVED:
        sentences.append(
            f"Observed forms were overlaid with the {N_WITH_OBSERVED} lowest "
            "structures of each level only: csp match FORM.cif DIR looks at all."
        )
    if n_structures > N_AMONG_THEMSELVES:
        sentences.append(
            f"The {N_AMONG_THEMSELVES} lowest structures of each level were overlaid "
            "with one another, other pairs were not: csp compare ONE.cif OTHER.cif "
            "does it."
        )
    return tuple(sentences)
