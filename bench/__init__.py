"""Benchmarks of the training step: `make bench`, `make bench-growth`; figures in metrics/, words in docs/cost.md."""
