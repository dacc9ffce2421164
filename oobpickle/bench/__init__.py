"""Measurement: how fast objects travel between two processes, beside what else could carry them.

Words. A *thing* is what travels (one array of 1 MB in a dict, 10,000 small arrays...). A *peer* is a way to move it:
ours, the plain recipe, send_pyobj, a bare socket; a *reference* is a peer that a figure is divided by. A *route* is
how the ends are joined (pattern and transport). A *pair* is one peer's processes, one *near* and one *far* (several far
ones in a fan-out). A *turn* is one timed run of a pair; a *round* gives each peer of a case one turn.

Rules.
1. Two real processes a peer, and no two peers share one: an allocator tuned or fragmented by one would help or hurt
   others. (Over inproc, and for a plain copy, it is one process: there is nothing else to measure.)
2. Peers take turns (A B C, then C B A) in one run; ratios are taken within a round, and of those the median.
3. What arrives is checked: every byte in the warm-up, one byte of each page in every timed message. Up to
   `things.TWO` bytes two different objects alternate, so that an old message is not taken for a new one. A peer that delivers
   anything wrong fails.
4. One window for all: the near end has at most `flow.WINDOW` bytes or two messages in flight, counted by credits that the
   far end gives after it has dropped an object. No sleeps.
5. The clock runs from before the first send until the last message was checked; both ends read CLOCK_MONOTONIC.
6. Memory stays under a budget, half of what is free unless told less; a peer that needs more is left out by name.

A peer is one file in `oobpickle.bench.peers`; benchmarks/README.md tells how to add one.
"""
