"""The record of a run: what was acknowledged, disturbed, counted and found."""
