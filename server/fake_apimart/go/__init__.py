"""What Go's standard library does where it shows on the wire, module by module under Go's names.

The vendor's server is written in Go, and its error texts and its view of a form are those of
`net/http` and the packages below it (tag `go`; reference version 1.24.4). Everything here works
on bytes, as Go does, and knows neither HTTP servers nor storage.
"""
