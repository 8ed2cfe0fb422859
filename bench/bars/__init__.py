"""One file for each bar: what is run on both sides, and the lines it gives."""
