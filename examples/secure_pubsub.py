"""CURVE: a publisher and the subscribers that it knows; what passes is encrypted, and strangers get nothing."""

import logging
import tempfile
from pathlib import Path

import numpy as np
from zmq.auth import create_certificates

from oobpickle import Curve, Publisher, Subscriber, Timeout


def main() -> None:
    logging.getLogger("oobpickle").setLevel(logging.ERROR)  # both ends log a refusal as a warning
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, who in (("server", "server"), ("clients", "alice"), ("elsewhere", "mallory")):
            (folder / place).mkdir()
            create_certificates(folder / place, who)  # `oobpickle keygen alice --folder clients` does the same
        server = Curve(folder / "server" / "server.key_secret", clients=folder / "clients")
        public = folder / "server" / "server.key"
        alice = Curve(folder / "clients" / "alice.key_secret", server=public)
        mallory = Curve(folder / "elsewhere" / "mallory.key_secret", server=public)
        with Publisher(bind="tcp://127.0.0.1:*", curve=server) as publisher:
            (address,) = publisher.addresses
            with (
                Subscriber(connect=address, curve=alice) as known,
                Subscriber(connect=address, curve=mallory) as unknown,
            ):
                publisher.wait_for_subscribers(1, timeout=10)
                publisher.send("secrets", {"samples": np.arange(100_000)})
                topic, obj = known.recv(timeout=10)
                try:
                    unknown.recv(timeout=0.5)
                except Timeout as error:
                    refusal = str(error)
    assert obj["samples"][-1] == 99_999
    assert "handshake" in refusal
    print(f"alice: {topic}, {obj['samples'].size:,} samples")
    print(f"mallory: {refusal}")


if __name__ == "__main__":
    main()
