import torch
from torch import nn

from adam_tui.training import model

CPU = torch.device("cpu")


def test_the_network_is_the_articles_with_62346_parameters():
    network = model.build(CPU)
    assert sum(weight.numel() for weight in network.parameters()) == model.PARAMETERS == 62_346
    assert [tuple(weight.shape) for weight in network.parameters()] == [
        (32, 1, 5, 5),
        (32,),
        (64, 32, 5, 5),
        (64,),
        (10, 1024),
        (10,),
    ]
    assert network(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_pooling_before_relu_is_the_same_function_as_the_articles_order():
    torch.manual_seed(1)
    network = model.build(CPU)
    conv1, conv2, linear = (layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear))
    pool, relu = nn.MaxPool2d(2), nn.ReLU()
    images = torch.randn(16, 1, 28, 28)
    hidden = pool(relu(conv2(pool(relu(conv1(images))))))
    assert torch.equal(network(images), linear(hidden.flatten(1)))


def test_a_seed_means_the_same_weights():
    torch.manual_seed(7)
    first = model.build(CPU)
    torch.manual_seed(7)
    second = model.build(CPU)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
