"""Equal tuning: values drawn by Optuna, one training run a trial, judged by held-out probes and never by a suite."""
