"""`python -m fake_apimart` is the command `fake-apimart`."""

from fake_apimart.cli import main

main()
