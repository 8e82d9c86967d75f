"""An optimizer behind HTTP, as one writes it in an afternoon: FastAPI, PyTorch's fused AdamW, the whole state in Redis
at each step. How requests meet Redis is said by MODE:

    blocking   a request waits for Redis on the event loop
    threads    each request is worked on in Starlette's thread pool
    asyncio    redis.asyncio, with computing on the event loop
"""

import asyncio
import os
import threading
import warnings

import msgpack
import redis
import redis.asyncio
import torch
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

MODE, WORKERS, URL = os.environ["MODE"], int(os.environ["WORKERS"]), os.environ["REDIS_URL"]
# Gradients are only read.
warnings.filterwarnings("ignore", message="The given buffer is not writable")
torch.set_num_threads(int(os.environ["THREADS"]))

store = redis.Redis.from_url(URL)
later = redis.asyncio.Redis.from_url(URL)
app = FastAPI()
sessions = {}


def floats(data):
    """A copy, to be written to."""
    return torch.frombuffer(bytearray(data), dtype=torch.float32)


def raw(tensor):
    return memoryview(tensor.detach().numpy()).cast("B")


class Session:
    def __init__(self, options, step, p, m, v):
        self.options, self.lock, self.turn = options, threading.Lock(), asyncio.Lock()
        self.p = torch.nn.Parameter(p)
        self.optimizer = torch.optim.AdamW([self.p], lr=options["learning_rate"],
                                           weight_decay=options["weight_decay"], fused=True)
        self.t, self.m, self.v = torch.tensor(float(step)), m, v
        self.optimizer.state[self.p] = {"step": self.t, "exp_avg": m, "exp_avg_sq": v}

    def step(self, grads):
        self.p.grad = torch.frombuffer(grads, dtype=torch.float32)
        self.optimizer.step()

    def record(self, id):
        return {f"{id}:step": int(self.t), f"{id}:options": msgpack.packb(self.options),
                f"{id}:p": raw(self.p), f"{id}:m": raw(self.m), f"{id}:v": raw(self.v)}

    def reply(self):
        return msgpack.packb({"step": int(self.t), "params": raw(self.p)})


def keys(id):
    return [f"{id}:{name}" for name in ("options", "step", "p", "m", "v")]


def loaded(id, options, step, *tensors):
    sessions[id] = Session(msgpack.unpackb(options), int(step), *map(floats, tensors))
    return sessions[id]


def is_latest(kept, step):
    return kept is not None and int(kept.t) == int(step)


def take(id, body):
    """Another worker may have taken steps, so with several of them what is kept here is not always the latest."""
    session = sessions.get(id)
    if session is None or WORKERS > 1 and not is_latest(session, store.get(f"{id}:step")):
        session = loaded(id, *store.mget(keys(id)))
    with session.lock:
        session.step(msgpack.unpackb(body)["grads"])
        store.mset(session.record(id))
        return session.reply()


async def take_async(id, body):
    session = sessions.get(id)
    if session is None or WORKERS > 1 and not is_latest(session, await later.get(f"{id}:step")):
        session = loaded(id, *await later.mget(keys(id)))
    async with session.turn:
        session.step(msgpack.unpackb(body)["grads"])
        await later.mset(session.record(id))
        return session.reply()


def msgpacked(content, status=200):
    return Response(content, status, media_type="application/msgpack")


@app.get("/ready")
async def ready():
    return {}


@app.put("/sessions/{id}")
async def open_session(id: str, request: Request):
    options = msgpack.unpackb(await request.body())
    p = floats(options.pop("params"))
    sessions[id] = Session(options, 0, p, torch.zeros_like(p), torch.zeros_like(p))
    store.mset(sessions[id].record(id))
    return msgpacked(msgpack.packb({"step": 0}), 201)


@app.post("/sessions/{id}/steps")
async def step(id: str, request: Request):
    body = await request.body()
    if MODE == "blocking":
        return msgpacked(take(id, body))
    if MODE == "threads":
        return msgpacked(await run_in_threadpool(take, id, body))
    return msgpacked(await take_async(id, body))
