"""Tiny models are fastest on one thread, above all where several test processes share the cores."""

import torch

torch.set_num_threads(1)
