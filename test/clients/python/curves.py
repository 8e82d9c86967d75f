"""
Trains the network of digits.py with torch.optim.AdamW and with the server at STEPD_URL, each on its own, and writes both
loss curves to client/python/loss.svg, the one wide beneath the other.
"""

import os
import uuid
from pathlib import Path

import torch
from test_torch import ADAMW, network, train

import stepd.torch

STEPS, WIDTH, HEIGHT = 200, 640, 320
PAGE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="-48 -24 {w} {h}" font-family="sans-serif" font-size="12">
<title>Loss of torch.optim.AdamW and of stepd.torch.Optimizer</title>
<rect x="-48" y="-24" width="{w}" height="{h}" fill="#fff"/>
<path d="M0 0V{H}H{W}" fill="none" stroke="#888"/>
{ticks}
<g fill="none" stroke-linejoin="round">
<polyline stroke="#f4b183" stroke-width="5" points="{local}"/>
<polyline stroke="#1f4e79" stroke-width="1.5" points="{remote}"/>
</g>
<text x="{x}" y="16" fill="#c55a11">torch.optim.AdamW</text>
<text x="{x}" y="36" fill="#1f4e79">stepd.torch.Optimizer, {chain}</text>
<text x="{x}" y="56">loss of a step of 32 digits; largest difference {apart:.1e}</text>
</svg>
"""

model, local = network(), network()
remote = stepd.torch.Optimizer(model.parameters(), ADAMW, url=os.environ["STEPD_URL"], session=f"curves-{uuid.uuid4()}")
curves = [train(local, torch.optim.AdamW(local.parameters(), lr=1e-3, weight_decay=1e-2), STEPS), train(model, remote, STEPS)]
remote.session.delete()
top = max(max(curve) for curve in curves)


def points(curve):
    return " ".join(f"{i * WIDTH / STEPS:.0f},{HEIGHT * (1 - loss / top):.1f}" for i, loss in enumerate(curve))


ticks = [f'<text x="{i * WIDTH / STEPS}" y="{HEIGHT + 18}" text-anchor="middle">{i}</text>' for i in range(0, STEPS + 1, 50)]
ticks += [f'<text x="-8" y="{HEIGHT * (1 - y / top) + 4:.1f}" text-anchor="end">{y:.1f}</text>' for y in (0, 0.5, 1, 1.5, 2)]
text = PAGE.format(
    w=WIDTH + 72,
    h=HEIGHT + 56,
    W=WIDTH,
    H=HEIGHT,
    x=WIDTH - 400,
    ticks="\n".join(ticks),
    local=points(curves[0]),
    remote=points(curves[1]),
    chain=ADAMW,
    apart=max(abs(a - b) for a, b in zip(*curves)),
)
(Path(__file__).resolve().parents[3] / "client" / "python" / "loss.svg").write_text(text)
print(f"loss {curves[0][0]:.3f} to {curves[0][-1]:.3f} and {curves[1][-1]:.3f}")
