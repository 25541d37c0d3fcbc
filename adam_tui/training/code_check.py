"""The process that tries code of the user before a run begins: `python -m adam_tui.training.code_check`.

A JSON object on stdin names an optimizer class with its settings and a network (`runs.user_code.check_code`). The
answer is the last line on stdout: the signature and the values, or the error in one line. The import, the constructors
and one step run for at most `CODE_SECONDS` together. Output of the user's code goes to stderr.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adam_tui.engine.class_reference import ClassReference
from adam_tui.engine.class_signature import Parameter, read_settings
from adam_tui.runs.protocol import RunSpec
from adam_tui.runs.user_code import CODE_SECONDS
from adam_tui.training import device_setup, model, user_code, user_network
from adam_tui.training.fast.optimizers import leave_the_compiler_out
from adam_tui.training.time_limit import time_limit
from adam_tui.training.user_code import UserCodeError
from adam_tui.training.user_optimizer import UserOptimizer, backward

IMAGES = 4  # of the trial step


def main() -> int:
    """The exit status: 0 with an answer."""
    request = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)  # the user's code may print

    def reply(content: dict[str, Any]) -> None:
        os.write(answer, json.dumps(content).encode() + b"\n")

    def give_up(place: str) -> None:
        reply({"error": f"{place}: your code has not ended after {CODE_SECONDS:.0f} s"})

    torch.set_num_threads(1)
    leave_the_compiler_out()
    with time_limit(CODE_SECONDS, give_up):
        try:
            reply(check(request))
        except (UserCodeError, ValueError) as error:
            reply({"error": str(error)})
    sys.stdout.flush()
    os._exit(0)  # threads of the user's code do not delay the answer


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Try the code of a request; the answer. Raises ValueError with one line."""
    on_cpu = device_setup.device_of(RunSpec(device=request["device"])).type == "cpu"
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    network: nn.Module
    if request["network"]:
        network = user_network.build(ClassReference.parse(request["network"]), cpu)
    else:
        network = model.build(cpu, torch.contiguous_format)
    count = sum(weight.numel() for weight in network.parameters())
    if not request["optimizer"]:
        return {"signature": [], "values": {}, "parameters": count}
    reference = ClassReference.parse(request["optimizer"])
    kind = user_code.load(reference)
    signature = user_code.signature(kind)
    values = read_settings(signature, [(name, text) for name, text in request["settings"]], reference.label)
    answer: dict[str, Any] = {"values": values, "parameters": count}
    optimizer: Any
    if on_cpu:
        optimizer = UserOptimizer(reference, network, values, probe_gradients)
        answer |= {"calls": optimizer.calls, "warning": _state_problem(optimizer, network)}
    else:  # the step may need the GPU: the training shows its errors
        optimizer = user_code.make(kind, network.parameters(), values, reference)
    changeable = {name for group in optimizer.param_groups for name in group}
    return answer | {"signature": [_marked(each, changeable).to_json() for each in signature]}


def _state_problem(optimizer: UserOptimizer, network: nn.Module) -> str:
    """The reason why a run could not be continued: the state after a step, which no checkpoint can hold; else ""."""
    if optimizer.needs == "gradients":
        probe_gradients(network, with_graph=False)
        optimizer.step()
    try:
        optimizer.state_dict()
    except UserCodeError as error:
        return f"{error}; such a run cannot be continued"
    return ""


def _marked(parameter: Parameter, changeable: set[str]) -> Parameter:
    """The parameter, `fixed` if no parameter group holds it."""
    return dataclasses.replace(parameter, fixed=(parameter.part_of or parameter.name) not in changeable)


def probe_gradients(network: nn.Module, with_graph: bool) -> Tensor:
    """The loss of random images, with the gradients in `grad`."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES, 1, 28, 28, generator=generator)
    loss = functional.cross_entropy(network(images).float(), torch.arange(IMAGES))
    backward(loss, network, with_graph=with_graph)
    return loss.detach()


if __name__ == "__main__":
    sys.exit(main())
