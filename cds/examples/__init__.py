"""The worked cases written inside each rule: read, run, and held against what the rule answers."""
