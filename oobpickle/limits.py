"""Every bound on what a peer sends, with its unit and its reason."""

TOPIC_MAX = 255
"""Bytes of a topic. A receiver looks no further for its end: a frame without one costs it 256 bytes of search."""

SUBSCRIPTIONS_MAX = 65_536
"""Different prefixes that a publisher keeps apart. A peer makes one from a few bytes; past this all topics are wanted."""

LINES_MAX = 65_536
"""Lines (sender and topic) whose numbers a subscriber follows, about 200 bytes each; the oldest is forgotten for a new one."""

LATEST_MAX = 4096
"""Topics of which a Subscriber(latest=True) keeps a message that was not taken yet; each may be as large as a frame."""

FRAMES_MAX = 65_537
"""Frames of one message: the head, and 65,536 buffers. A frame of no bytes still costs the receiver 200 of its own."""

FRAME_BYTES_MAX = 2**33
"""Bytes of one frame: 8 GiB. libzmq allocates a frame when its first bytes name its length, so a peer that nobody has
authenticated can ask for this much address space; lower it (max_frame=) where that matters."""

SKIPS_MAX = 64
"""Bad messages that a receive passes over before it looks at the clock again."""

EVENTS_MAX = 256
"""Connection events kept for `events()`; peers cause them, and the newest are those of interest."""
