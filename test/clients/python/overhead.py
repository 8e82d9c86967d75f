"""
Time of a step of 25 million parameters by the client, against the same bytes through urllib3 alone, turn by turn, on the
server at STEPD_URL: median milliseconds, and the median of the pairs' ratios.
"""

import os
import time
import uuid
from statistics import median

import msgpack
import numpy as np
import urllib3

from stepd import Session

url, size = os.environ["STEPD_URL"], int(os.environ.get("SIZE", 25_000_000))
grads = np.random.default_rng(0).standard_normal(size, np.float32)
session = Session.open(url, f"overhead-{uuid.uuid4()}", "sgd(0.1)", {"w": [size]})
pool = urllib3.PoolManager()


def by_client():
    return session.step(grads).updates


def bare(step):
    body = msgpack.packb({"step": step, "grads": grads.data.cast("B"), "dtype": "F32"})
    begin = time.perf_counter()
    answer = pool.urlopen(
        "POST",
        f"{url}/v1/sessions/{session.id}/steps",
        body=body,
        headers={"content-type": "application/msgpack", "accept": "application/msgpack"},
    )
    assert answer.status == 200 and len(answer.data) > 4 * size
    return time.perf_counter() - begin


pairs = []
for turn in range(12):
    begin = time.perf_counter()
    assert by_client().shape == (size,)
    ours = time.perf_counter() - begin
    theirs = bare(session.current_step + 1)
    session.current_step += 1
    if turn > 1:
        pairs.append((ours, theirs))
session.delete()
ratio = median(ours / theirs for ours, theirs in pairs)
print(f"client {median(p[0] for p in pairs) * 1e3:.0f} ms, urllib3 {median(p[1] for p in pairs) * 1e3:.0f} ms, ratio {ratio:.2f}")
