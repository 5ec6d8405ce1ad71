"""The wheels in `dist/`, installed by the documented commands into environments of nothing else.

They stand for their names, so that the commands are run as they are printed. This is not part of
the test suite, because it installs packages: `make wheel-test` builds the wheels and runs it.
"""
