"""Settings of all tests."""

from hypothesis import settings

# No test asserts a time, so none fails for being slow on a busy machine either.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
