"""The pool of past translations: what it gives back, and that it goes on exactly."""

import io
import random

import pytest
import torch
from torch import Tensor

from synth.errors import InputError
from synth.networks.image_pool import ImagePool


def numbered(*numbers: int) -> Tensor:
    """Images [N,1,2,2] that are told apart by their value."""
    return torch.tensor(numbers, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 2, 2).clone()


def numbers(images: Tensor) -> list[int]:
    return [int(v) for v in images[:, 0, 0, 0]]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_pool_that_fills_gives_back_what_it_got() -> None:
    """Until it is full every image comes straight out."""
    pool = ImagePool(6)
    for i in (0, 2, 4):
        assert numbers(pool.query(numbered(i, i + 1), seeded())) == [i, i + 1]


def test_half_of_the_images_are_old_ones() -> None:
    """Once full: half new, half old; an old one leaves the pool for the new one that takes its place."""
    pool, rng = ImagePool(50), seeded(3)
    pool.query(numbered(*range(50)), rng)
    held = set(range(50))
    n_old = 0
    for i in range(50, 2050):
        (got,) = numbers(pool.query(numbered(i), rng))
        if got != i:
            n_old += 1
            assert got in held
            held = held - {got} | {i}
    assert 920 < n_old < 1080
    images = pool.state_dict()["images"]
    assert images is not None
    assert set(numbers(images)) == held


def test_a_batch_is_its_images_one_by_one() -> None:
    """The pool does the same for a batch as for single images with the same draws."""
    together, single = ImagePool(3), ImagePool(3)
    rng_together, rng_single = seeded(4), seeded(4)
    for start in range(0, 40, 4):
        batch = numbered(*range(start, start + 4))
        one_by_one = [single.query(image[None], rng_single) for image in batch]
        assert numbers(together.query(batch, rng_together)) == numbers(torch.cat(one_by_one))


def test_no_pool_keeps_nothing() -> None:
    """Size 0 gives every image back and holds none."""
    pool = ImagePool(0)
    assert [numbers(pool.query(numbered(i), seeded())) for i in range(20)] == [[i] for i in range(20)]
    assert pool.state_dict()["images"] is None


def test_what_comes_out_has_no_gradient_and_no_tie() -> None:
    """Neither gradients nor later changes of a batch reach what the pool holds."""
    pool = ImagePool(2)
    batch = numbered(1, 2).requires_grad_()
    got = pool.query(batch, seeded())
    assert not got.requires_grad
    with torch.no_grad():
        batch.zero_()
        got.zero_()
    images = pool.state_dict()["images"]
    assert images is not None
    assert numbers(images) == [1, 2]


@pytest.mark.parametrize("n_before", [0, 3, 40])
def test_a_saved_pool_goes_on_exactly(n_before: int) -> None:
    """Saved and loaded empty, filling or full, it answers as it would have undisturbed."""
    draw = random.Random(n_before)
    pool, rng = ImagePool(5), seeded(1)
    for i in range(n_before):
        pool.query(numbered(i), rng)
    file = io.BytesIO()
    torch.save({"pool": pool.state_dict(), "rng": rng.get_state()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed, rng_resumed = ImagePool(5), torch.Generator()
    resumed.load_state_dict(saved["pool"])
    rng_resumed.set_state(saved["rng"])
    for _ in range(40):
        batch = numbered(*(draw.randrange(100, 999) for _ in range(2)))
        assert torch.equal(pool.query(batch, rng), resumed.query(batch, rng_resumed))


def test_another_size_is_refused() -> None:
    """A pool of 50 does not go on as one of 20, and none holds fewer than no images."""
    with pytest.raises(InputError, match="holds 50, this one 20"):
        ImagePool(20).load_state_dict(ImagePool(50).state_dict())
    with pytest.raises(InputError, match="got -1"):
        ImagePool(-1)
