"""Customers of other data bases, turned into events."""
