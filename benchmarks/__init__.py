"""Measurements of ccstream beside its peers; ``make bench`` runs them all.

One module a question. Everything measured runs in processes of its own, started for the
one run; every output is decoded and compared with an independent fold afterwards, and a
difference fails the benchmark rather than being reported as speed.
"""
