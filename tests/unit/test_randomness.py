"""Seeds depend on the names alone, and on all of them."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from csp.randomness import generator_of, seed_of

PARTS = st.lists(st.integers() | st.text(max_size=5), max_size=4)


def test_seed_is_the_same_in_another_process():
    code = "from csp.randomness import seed_of; print(seed_of('draws', 3, '014e'))"
    # string hashes differ between these processes
    seeds = {
        int(
            subprocess.run(
                [sys.executable, "-c", code],
                env={"PYTHONHASHSEED": salt},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for salt in ("1", "2")
    }
    assert seeds == {seed_of("draws", 3, "014e")}
    # printf 'str:draws\x1fint:3\x1fstr:014e' | sha256sum
    assert seeds == {0x59B833BF6B557E8D}


@given(first=PARTS, second=PARTS)
def test_other_parts_give_another_seed(first, second):
    def names(parts):
        return [(type(part), part) for part in parts]

    # the separator between the parts must not be one of theirs
    is_plain = not any("\x1f" in str(part) for part in first + second)
    if is_plain:
        assert (seed_of(*first) == seed_of(*second)) == (names(first) == names(second))


def test_number_and_its_text_are_different_parts():
    assert seed_of(1) != seed_of("1")
    assert seed_of(1, 12) != seed_of(11, 2) != seed_of(112)


def test_streams_of_one_name_agree_and_of_two_names_differ():
    assert generator_of("a", 1).random() == generator_of("a", 1).random()
    assert generator_of("a", 1).random() != generator_of("a", 2).random()
