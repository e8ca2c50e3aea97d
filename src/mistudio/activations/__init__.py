"""Record what a language model computes, keep it on disk, and stream it, shuffled, to those who learn from it."""
