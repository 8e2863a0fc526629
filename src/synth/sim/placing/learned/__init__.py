"""Cut-outs laid by a network that is trained against another, all in torch and differentiable."""
