"""The machine, every two seconds: processor, memory, disk, network, GPUs."""
