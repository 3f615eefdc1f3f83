"""What a chart and its orders say, in the words the rules use."""
