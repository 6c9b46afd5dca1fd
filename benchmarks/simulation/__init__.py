"""A discrete-event simulation of many workers: skew of partitions, crashes, restarts.

What one machine cannot show: how far the busiest worker is from the mean, and what becomes of
events while partitions change hands. ``python -m benchmarks.simulation`` prints the tables of
docs/scaling.md. It shares no code with the engine but the partitioner; its times are given to it.
"""
