"""Every array annotation of csp is checked at run time under test."""

from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

install_import_hook("csp", "beartype.beartype")

settings.register_profile(
    "default",
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", parent=settings.get_profile("default"),
                          max_examples=1000, derandomize=False)
settings.load_profile("default")
