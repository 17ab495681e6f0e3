"""Random numbers that belong to what they are for, never to who asks or when."""

import hashlib

import numpy as np


def seed_of(*parts: int | str) -> int:
    """A 64-bit seed from the names of what is random.

    The same parts give the same seed on every machine and in every version of Python.

    >>> seed_of(1, "P21/c") == seed_of(1, "P21/c")
    True
    >>> seed_of(1, 12) == seed_of(11, 2)
    False
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def generator_of(*parts: int | str) -> np.random.Generator:
    """A generator whose stream depends on ``parts`` alone."""
    return np.random.default_rng(seed_of(*parts))
