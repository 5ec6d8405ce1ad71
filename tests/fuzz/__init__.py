"""Fuzzing with Atheris: what reads bytes of clients, and what must hold whatever they are."""
