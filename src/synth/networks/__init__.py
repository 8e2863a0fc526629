"""Networks and losses that placing, translating and painting may all use: images in, images or scores out."""
