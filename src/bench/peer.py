"""PyTorch's side of `make bench`: for every case that it reads (a line of JSON), the median time of a training step, or of a batch
through an encoder of transformers, in ms.

`peer.py [DEVICE] [compile]`: on the processors, or on DEVICE in float32 without TF32; with decoders compiled by torch.compile.
The first line that it writes names its versions. Of the two memory formats the faster counts, each time anew.
"""

import json
import statistics
import sys
import time

import torch
from torch.nn import functional

DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"
COMPILE = "compile" in sys.argv[2:]
torch.backends.cudnn.allow_tf32 = False


class Decoder(torch.nn.Module):
    def __init__(self, case, memory_format):
        super().__init__()
        layers, features, hidden = case["layers"], case["features"], case["hidden"]
        self.case, self.memory_format = case, memory_format
        if case["attention"] == "density":
            self.offset = torch.nn.Parameter(torch.zeros(case["heads"], 1, features))
            self.c = torch.nn.Parameter(torch.full((case["heads"], 1, features), 2.0))
        else:
            self.attention = torch.nn.MultiheadAttention(features, case["heads"], batch_first=True)
        self.conv1 = torch.nn.Conv2d(layers, hidden, 3, padding=1).to(memory_format=memory_format)
        self.conv2 = torch.nn.Conv2d(hidden, layers, 3, padding=1).to(memory_format=memory_format)
        self.linear = torch.nn.Linear(layers * features, case["classes"])

    def attend(self, x):
        if self.case["attention"] != "density":
            return self.attention(x, x, x, need_weights=False)[0]
        case = self.case
        batch, layers, features = x.shape
        grouped = x.view(batch, case["heads"], layers // case["heads"], features)
        mean = grouped.mean(2, keepdim=True)
        variance = ((grouped**2).mean(2, keepdim=True) - mean**2).abs() + 1e-8
        z = (grouped - (mean + self.offset)) / torch.sqrt(variance + 1e-5)
        return grouped * torch.exp(-(z**2) / (2 * self.c))

    def forward(self, x):
        case = self.case
        image = self.attend(x).reshape(len(x), case["layers"], case["height"], case["width"])
        image = image.contiguous(memory_format=self.memory_format)
        image = functional.relu(self.conv2(functional.relu(self.conv1(image))))
        return self.linear(image.flatten(1))


class Training:
    def __init__(self, case, memory_format):
        torch.manual_seed(0)
        decoder = Decoder(case, memory_format).to(DEVICE)
        self.model = torch.compile(decoder) if COMPILE else decoder
        self.optimiser = torch.optim.AdamW(decoder.parameters(), lr=1e-4)
        self.x = torch.randn(case["batch"], case["layers"], case["features"], device=DEVICE)
        self.labels = torch.randint(0, case["classes"], (case["batch"],), device=DEVICE)
        self.together = case.get("together", 1)

    def step(self):
        for _ in range(self.together):
            loss = self.start()
        loss.item()

    def start(self):
        loss = functional.cross_entropy(self.model(self.x), self.labels)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss


class Extraction:
    """Every hidden state of a batch, averaged over its tokens."""

    def __init__(self, case):
        import transformers

        transformers.logging.set_verbosity_error()
        self.model = transformers.AutoModel.from_pretrained(case["folder"], dtype=torch.float32).eval().to(DEVICE)
        shape = case["shape"]
        text = self.model.main_input_name == "input_ids"
        self.input = (torch.randint(3, 4000, shape) if text else torch.randn(shape)).to(DEVICE)

    @torch.inference_mode()
    def step(self):
        states = self.model(self.input, output_hidden_states=True).hidden_states[1:]
        torch.stack([state.mean(1) for state in states], 1).cpu().numpy()


class Limit:
    """A product of large matrices, or a copy of 128 MB, on one thread or all."""

    def __init__(self, case):
        self.threads = 1 if case["threads"] == "one" else torch.get_num_threads()
        self.products = case["of"] == "multiply-adds"
        self.x, self.y = torch.rand(2, 2048, 2048) if self.products else torch.rand(2, 2**25)
        self.amount = 2 * 2048**3 if self.products else 8 * 2**25

    def step(self):
        threads = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        if self.products:
            self.x @ self.y
        else:
            self.y.copy_(self.x)
        torch.set_num_threads(threads)


def median(step, steps):
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def candidates_of(case):
    """What may be timed for a case, warmed up: a decoder in either memory format."""
    if case["kind"] == "limit":
        candidates = [Limit(case)]
    elif case["kind"] == "encoder":
        candidates = [Extraction(case)]
    else:
        candidates = [Training(case, f) for f in (torch.contiguous_format, torch.channels_last)]
    for candidate in candidates:
        median(candidate.step, 1 if case["steps"] == 1 else 2 + case["steps"] // 4)
    return candidates


def write(message):
    print(json.dumps(message), flush=True)


def main():
    where = f"{torch.get_num_threads()} threads" if DEVICE == "cpu" else torch.cuda.get_device_name(DEVICE)
    write({"version": f"PyTorch {torch.__version__}, {where}"})
    known = {}
    for line in sys.stdin:
        case = json.loads(line)
        try:
            if case["name"] not in known:
                known[case["name"]] = candidates_of(case)
            candidates = known[case["name"]]
            ms = min(median(candidate.step, case["steps"]) for candidate in candidates) / case.get("together", 1)
            write({"ms": ms, "amount": getattr(candidates[0], "amount", None)})
        except (ImportError, RuntimeError) as error:
            write({"error": str(error)})


main()
