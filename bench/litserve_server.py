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
from detection.ensemble import Ensemble, stack, stack_input
from detection.forensics.compression_cells import cells_in_one, cells_of_file
from detection.networks.convnext import convnext
from detection.preprocess import batch

MAX_BATCH_SIZE = 32
BATCH_TIMEOUT_S = 0.01
Read = tuple[Image.Image, bytes]


class Faces(ls.LitAPI):
    """JSON with a base64 image in, five probabilities of *fake* out."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
        self.folder = bundle

    def decode_request(self, request: dict[str, str]) -> Read:
        data = base64.b64decode(request["image"])
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return image, data

    def batch(self, inputs: list[Read]) -> list[Read]:
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
        self.stack, self.stack_input = stack(self.bundle), stack_input(self.bundle)

    @torch.inference_mode()
    def predict(self, x: list[Read]) -> list[list[float]]:
        images = [image for image, _ in x]
        frames = face_frames(images, self.bundle)
        inputs = {
            view: batch(images, view, frames) for view in {member.view for member in self.bundle.members}
        }
        logits = [model(inputs[m.view]) for m, model in zip(self.bundle.members, self.models, strict=True)]
        read = list(logits)
        if self.stack_input:
            cells = [
                cells_of_file(data, image, frame) for (image, data), frame in zip(x, frames, strict=True)
            ]
            read.append(self.stack_input(torch.from_numpy(cells_in_one(cells))))
        columns = [*logits, self.stack(torch.cat(read, 1))]
        return torch.stack([column.softmax(1)[:, 1] for column in columns], 1).tolist()


class EnsembleFaces(Faces):
    def setup(self, device: str) -> None:
        self.ensemble = Ensemble.load(self.folder, device="cpu")

    def predict(self, x: list[Read]) -> list[list[float]]:
        images = [image for image, _ in x]
        frames = face_frames(images, self.ensemble.bundle)
        cells = [cells_of_file(data, image, frame) for (image, data), frame in zip(x, frames, strict=True)]
        return [[vote.probability for vote in votes] for votes in self.ensemble.score(images, frames, cells)]


def main() -> None:
    folder, port, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    api = {"plain": PlainFaces, "ensemble": EnsembleFaces}[kind](folder)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(
        host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
