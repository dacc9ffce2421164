"""Measurement: how fast objects travel between two processes, beside what else could carry them.

Words. A *thing* is what travels (one array of 1 MB in a dict, 10,000 small arrays...). A *peer* is a way to move it:
ours, the plain recipe, send_pyobj, a bare socket; a *reference* is a peer that a figure is divided by. A *route* is
how the two ends are joined (pattern and transport). A *pair* is one peer's two processes, *near* and *far*. A *turn* is
one timed run of a pair; a *round* gives each peer one turn.

Rules.
1. Two real processes a peer, and no two peers share one: an allocator tuned or fragmented by one would help or hurt others.
2. Peers take turns (A B C, C B A, ...) in one run; only ratios within a round are compared, then their median is taken.
3. What arrives is checked: every byte in the warm-up, one byte of each page in every timed message. Two different
   objects alternate, so an old message is not mistaken for a new one. Nothing is counted that was not right.
4. The same window for all: the near end has at most `flow.WINDOW` bytes in flight, two messages at the least, counted by credits
   that the far end gives after it has dropped an object. No sleeps.
5. The clock runs from before the first send until the last message was checked, both ends on CLOCK_MONOTONIC.
6. Memory stays under a budget, half of what is free unless told less; a case that needs more is left out by name.

A peer is one file in `oobpickle.bench.peers`; benchmarks/README.md tells how to add one.
"""
