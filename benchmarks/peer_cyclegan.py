"""One CycleGAN step as the paper describes it, in plain PyTorch: the peer of benchmarks/translate.py.

Written from Zhu et al. 2017 (sections 3 and 4, appendix 7): float32, instance norm, one forward pass for each
of the six mappings, discriminators that see real and past images one after another, least squares, cycle
weight 10, identity weight 5, Adam at 2e-4 with betas 0.5 and 0.999, batches of one, a pool of 50.
"""

import itertools
import random

import torch
from torch import Tensor, nn


def make_generator(n_filters: int, n_blocks: int) -> nn.Sequential:
    """c7s1-n, d2n, d4n, R4n × n_blocks, u2n, un, c7s1-3 (appendix 7.2)."""
    n = n_filters
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, n, 7), nn.InstanceNorm2d(n), nn.ReLU(True)]
    for i in (n, 2 * n):
        layers += [nn.Conv2d(i, 2 * i, 3, 2, 1), nn.InstanceNorm2d(2 * i), nn.ReLU(True)]
    layers += [Block(4 * n) for _ in range(n_blocks)]
    for i in (4 * n, 2 * n):
        layers += [nn.ConvTranspose2d(i, i // 2, 3, 2, 1, 1), nn.InstanceNorm2d(i // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(n, 3, 7), nn.Tanh())


class Block(nn.Module):
    """Two 3×3 convolutions with a skip around them."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(n, n, 3),
            nn.InstanceNorm2d(n),
            nn.ReLU(True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(n, n, 3),
            nn.InstanceNorm2d(n),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def make_discriminator(n_filters: int) -> nn.Sequential:
    """C64-C128-C256-C512 and a last layer of one channel: every score sees 70×70 pixels."""
    n = n_filters
    layers: list[nn.Module] = [nn.Conv2d(3, n, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for i, stride in ((n, 2), (2 * n, 2), (4 * n, 1)):
        layers += [nn.Conv2d(i, 2 * i, 4, stride, 1), nn.InstanceNorm2d(2 * i), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * n, 1, 4, 1, 1))


class Pool:
    """50 past translations, of which every second time one is given in place of the new one."""

    def __init__(self, rng: random.Random) -> None:
        self.images: list[Tensor] = []
        self.rng = rng

    def query(self, image: Tensor) -> Tensor:
        if len(self.images) < 50:
            self.images.append(image)
            return image
        if self.rng.random() < 0.5:
            return image
        k = self.rng.randrange(50)
        old, self.images[k] = self.images[k], image
        return old


class PlainCycleGAN:
    """Networks, optimisers and pools. learn takes one image of each look, [1,3,S,S] in −1 to 1."""

    def __init__(self, n_filters: int, n_blocks: int, n_filters_D: int, learning_rate: float = 2e-4) -> None:
        self.G_sim2real = make_generator(n_filters, n_blocks)
        self.G_real2sim = make_generator(n_filters, n_blocks)
        self.D_real = make_discriminator(n_filters_D)
        self.D_sim = make_discriminator(n_filters_D)
        for net in (self.G_sim2real, self.G_real2sim, self.D_real, self.D_sim):
            for module in net.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                    nn.init.normal_(module.weight, 0.0, 0.02)
                    nn.init.zeros_(module.bias)
        generators = itertools.chain(self.G_sim2real.parameters(), self.G_real2sim.parameters())
        discriminators = itertools.chain(self.D_real.parameters(), self.D_sim.parameters())
        self.adam_G = torch.optim.Adam(generators, learning_rate, (0.5, 0.999))
        self.adam_D = torch.optim.Adam(discriminators, learning_rate, (0.5, 0.999))
        self.pool_real, self.pool_sim = Pool(random.Random(0)), Pool(random.Random(1))

    def to(self, device: torch.device) -> None:
        for net in (self.G_sim2real, self.G_real2sim, self.D_real, self.D_sim):
            net.to(device)

    def learn(self, sim: Tensor, real: Tensor) -> dict[str, float]:
        l1, l2 = nn.functional.l1_loss, nn.functional.mse_loss
        fake_real = self.G_sim2real(sim)
        cycled_sim = self.G_real2sim(fake_real)
        fake_sim = self.G_real2sim(real)
        cycled_real = self.G_sim2real(fake_sim)

        self.adam_G.zero_grad()
        for net in (self.D_real, self.D_sim):
            net.requires_grad_(False)
        identity = l1(self.G_sim2real(real), real) + l1(self.G_real2sim(sim), sim)
        scores_real, scores_sim = self.D_real(fake_real), self.D_sim(fake_sim)
        adversarial = l2(scores_real, torch.ones_like(scores_real))
        adversarial = adversarial + l2(scores_sim, torch.ones_like(scores_sim))
        cycle = l1(cycled_sim, sim) + l1(cycled_real, real)
        (adversarial + 10.0 * cycle + 5.0 * identity).backward()
        self.adam_G.step()

        self.adam_D.zero_grad()
        loss_D = 0.0
        for net, pool, own, fake in (
            (self.D_real, self.pool_real, real, fake_real),
            (self.D_sim, self.pool_sim, sim, fake_sim),
        ):
            net.requires_grad_(True)
            good, bad = net(own), net(pool.query(fake.detach()))
            loss = 0.5 * (l2(good, torch.ones_like(good)) + l2(bad, torch.zeros_like(bad)))
            loss.backward()
            loss_D += loss.item()
        self.adam_D.step()
        return {
            "loss/G/adv": adversarial.item(),
            "loss/cycle": cycle.item(),
            "loss/identity": identity.item(),
            "loss/D/adv": loss_D,
        }
