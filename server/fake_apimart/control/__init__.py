"""The control API below `/_fake/`: tests move clocks, script failures, and ask what was sent."""
