"""`mistudio demo`: the whole road on a small real model and real text, ending in one page to look at."""
