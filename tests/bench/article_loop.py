"""The article's training loop, written from its description: the reference that our worker is compared with.

Images pass one by one through transforms in a DataLoader, everything is float32, ReLU comes before pooling, and the
loss is fetched at every step.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

BATCH, LEARNING_RATE = 64, 5e-4


def network() -> nn.Sequential:
    """The same function of the same 62,346 parameters as ours, in the usual order and memory layout."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
    )


def steps(root: str, model: nn.Sequential) -> Iterator[int]:
    """Train the model on the MNIST under `root` without end; yields the number of images of each step."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    loader = DataLoader(datasets.MNIST(root, train=True, transform=transform), batch_size=BATCH, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    losses = []
    while True:
        for images, labels in loader:
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            yield len(images)
