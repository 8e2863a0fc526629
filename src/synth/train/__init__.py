"""Networks that read images, and how they learn: labelled patches in, a frozen reader out."""
