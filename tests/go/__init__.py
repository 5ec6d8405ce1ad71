"""Tests of `fake_apimart.go`, the emulation of Go's standard library."""
