"""What takes part in `bench step` (loop.py, *_step.py) and `bench quality` (fit.py, *_fit.py): one file a library.

Each is run in a process of its own, and in an environment of its own where it is another library.
"""
