"""Sparse autoencoders: architectures, sparse kernels and the native file. Maths on tensors; knows no language model."""
