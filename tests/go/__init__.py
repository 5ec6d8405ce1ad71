"""The package that speaks for Go."""
