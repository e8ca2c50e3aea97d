"""What takes part in `bench step`: one file a contender, each run in a process and an environment of its own."""
