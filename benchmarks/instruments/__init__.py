"""What measures, each in a process of its own so that nothing measured shares its time."""
