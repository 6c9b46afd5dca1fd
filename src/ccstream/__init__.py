"""ccstream: real-time cross-channel customer synchronisation on Kafka."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("ccstream")
