"""How often the verdict on a reward errs: `make calibrate`."""
