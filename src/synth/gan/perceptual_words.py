"""Words for whose features painted pictures are compared by (perceptual.py); nothing here needs torch."""

LITE0, NONE = "lite0", "none"
"""Values of the setting ``perceptual``, which may also be a path of weights of VGG19."""


def describe_perceptual(which: str) -> str:
    """Whose features those are, in a sentence for the log."""
    if which == NONE:
        return "No perceptual loss: pictures are held to real ones by the discriminator alone."
    if which == LITE0:
        return (
            "The perceptual loss sees by EfficientNet-Lite0 with weights of ImageNet, in place of the "
            "article's VGG19; --set perceptual=FILE takes a state dict of torchvision's vgg19."
        )
    return f"The perceptual loss sees by VGG19 with the weights in {which}."
