"""Traces to imitate, of several kinds: written from the problem (`written`) or sampled from a teacher (`sampled`).

Whatever their kind, `accept` keeps what the strict judge accepts and leaves out what says nearly the same as a trace
that is kept already. Run by `python -m stages.distill`. The room stands below `evaluation`: a teacher is asked, its
answers are stored and its steps are checked as those of an evaluated model are.
"""
