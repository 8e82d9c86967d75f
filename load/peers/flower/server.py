"""Flower's server with its FedAdam, on 127.0.0.1: server.py PORT PARAMETERS. It ends when it is told to."""

import logging
import os
import sys

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

import numpy as np
from flwr.common import ndarrays_to_parameters
from flwr.server import ServerConfig, start_server
from flwr.server.strategy import FedAdam

logging.getLogger("flwr").setLevel(logging.ERROR)
port, n = sys.argv[1:]
strategy = FedAdam(
    min_fit_clients=1,
    min_available_clients=1,
    fraction_evaluate=0.0,
    initial_parameters=ndarrays_to_parameters([np.zeros(int(n), np.float32)]),
    eta=1e-3,
    beta_1=0.9,
    beta_2=0.999,
    # So small that it does not matter beside which moment it is added: the corrected one in Adam, not here.
    tau=1e-12,
)
start_server(server_address=f"127.0.0.1:{port}", config=ServerConfig(num_rounds=10**9), strategy=strategy)
