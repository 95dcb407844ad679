"""Guided fuzzing of the sensor with atheris: `./run fuzz [SECONDS] [TARGET…]`, see `tests.fuzz.targets`."""
