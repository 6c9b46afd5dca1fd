"""The same work done by others, with the settings they come with."""
