"""The peers, one file each. A file defines PEERS, and imports what it measures only when a peer is asked for."""
