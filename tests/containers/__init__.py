"""The image and the compose files, in containers of a Docker engine of this machine.

They are not part of the test suite, because they need a Docker engine: `make docker-test` runs
them. Only the base image is pulled: small images with binaries of this machine replace the stores'.
"""
