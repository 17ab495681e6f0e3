"""A calculator that takes longer than any test waits."""

import time
from typing import ClassVar

from ase.calculators.calculator import Calculator


class Slow(Calculator):
    """Sleeps."""

    implemented_properties: ClassVar[list[str]] = ["energy"]

    def calculate(self, *arguments, **more):
        time.sleep(600.0)
