"""LitServe with the same four ConvNeXts and stack: python -m bench.litserve_server BUNDLE PORT plain|ensemble

Written as LitServe's documentation does it: decode_request, predict on a batch, encode_response, with dynamic
batching (max_batch_size, batch_timeout) and one worker. `plain` is the networks as they were trained, in
float32; `ensemble` is this project's own Ensemble (bfloat16, fused kernels), so that only serving is
compared.
"""

import base64
import io
import sys
from pathlib import Path

import litserve as ls
import torch
from PIL import Image
from safetensors.torch import load_file

from bench.images import face_frames
from detection import bundle as bundles
from detection.ensemble import Ensemble
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from detection.preprocess import batch

MAX_BATCH_SIZE = 32
BATCH_TIMEOUT_S = 0.01


class Faces(ls.LitAPI):
    """JSON with a base64 image in, five probabilities of *fake* out."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
        self.folder = bundle

    def decode_request(self, request: dict[str, str]) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(request["image"]))).convert("RGB")

    def batch(self, inputs: list[Image.Image]) -> list[Image.Image]:
        return inputs

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"votes": output}


class PlainFaces(Faces):
    def setup(self, device: str) -> None:
        self.bundle = bundles.read(self.folder)
        self.models = []
        for member in self.bundle.members:
            model = convnext(member.architecture, **member.arguments)
            weights = load_file(self.folder / member.file)
            model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
            self.models.append(model.eval().to(device))
        self.stack = Stacking(len(self.models)).eval()
        self.stack.load_state_dict(
            {n: t.float() for n, t in load_file(self.folder / self.bundle.stack.file).items()}
        )

    @torch.inference_mode()
    def predict(self, x: list[Image.Image]) -> list[list[float]]:
        frames = face_frames(x, self.bundle)
        inputs = {view: batch(x, view, frames) for view in {member.view for member in self.bundle.members}}
        logits = [model(inputs[m.view]) for m, model in zip(self.bundle.members, self.models, strict=True)]
        columns = [*logits, self.stack(torch.cat(logits, 1))]
        return torch.stack([column.softmax(1)[:, 1] for column in columns], 1).tolist()


class EnsembleFaces(Faces):
    def setup(self, device: str) -> None:
        self.ensemble = Ensemble.load(self.folder, device="cpu")

    def predict(self, x: list[Image.Image]) -> list[list[float]]:
        frames = face_frames(x, self.ensemble.bundle)
        return [[vote.probability for vote in votes] for votes in self.ensemble.score(x, frames)]


def main() -> None:
    folder, port, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    api = {"plain": PlainFaces, "ensemble": EnsembleFaces}[kind](folder)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
