"""A client of Flower's that trains nothing: what it gives back are the parameters less a gradient.

client.py PORT PARAMETERS reads lines `STEPS SCALE`, takes so many rounds with the gradient times SCALE, and writes a line
of JSON: how many milliseconds each took, and, of small models, the parameters. The first line is of no round.
"""

import base64
import json
import logging
import os
import sys
from time import perf_counter

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

import numpy as np
from flwr.client import NumPyClient, start_client

logging.getLogger("flwr").setLevel(logging.ERROR)
port, n = sys.argv[1:]


class Client(NumPyClient):
    gradient = np.resize(np.sin(np.arange(min(int(n), 2**16))).astype(np.float32), int(n))
    taken, left, since = 0, 0, 0.0
    scaled = gradient

    def fit(self, parameters, config):
        if self.left == 0:
            self.report(parameters[0])
            steps, scale = sys.stdin.readline().split()
            self.scaled = self.gradient if float(scale) == 1 else self.gradient * np.float32(scale)
            self.taken = self.left = int(steps)
            self.since = perf_counter()
        self.left -= 1
        return [parameters[0] - self.scaled], 1, {}

    def report(self, params):
        ms = 1000 * (perf_counter() - self.since) / max(1, self.taken)
        small = params.size <= 4096
        print(json.dumps({"ms": ms, "dtype": str(params.dtype),
                          "params": base64.b64encode(params.tobytes()).decode() if small else ""}), flush=True)


start_client(server_address=f"127.0.0.1:{port}", client=Client().to_client())
