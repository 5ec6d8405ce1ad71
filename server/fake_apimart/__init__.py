"""fake-apimart: a self-hosted emulator of APIMart's image upload API."""

__version__ = "0.1.0"
