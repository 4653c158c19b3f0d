"""`make torture`: faults put in on purpose, each shown to have happened, and what came of them."""
