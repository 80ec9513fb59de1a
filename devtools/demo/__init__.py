"""`make demo`: everything for real on this machine, shown to a person."""
