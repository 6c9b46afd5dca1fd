"""What the log holds about one person: found by its key, folded again, and told."""
