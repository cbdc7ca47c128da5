"""What goes into the autoencoder is of one brightness and contrast; what comes out has the shape of it."""

import numpy as np

from imip.inference.head import crop_to_head
from tests.support.heads import head
from training.networks.autoencoder import LATENT, SIDE, build, redraw, standardise

PIXELS = crop_to_head(head(0), SIDE).pixels[None, :, :, None].astype(np.float32)


def test_brightness_and_contrast_are_evened_out_and_air_stays_black():
    image, tissue = standardise(PIXELS)
    dimmer, _ = standardise(PIXELS * 0.5)
    assert np.allclose(image, dimmer, atol=0.01)
    assert (image.numpy()[tissue.numpy() == 0] == 0).all()
    assert image.numpy().min() >= 0
    assert image.numpy().max() <= 1


def test_a_slice_is_redrawn_with_its_latent_vector_and_embedding():
    image, _ = standardise(PIXELS)
    drawn, latent, embedding = redraw(build(), image)
    assert (drawn.shape, latent.shape) == (image.shape, (1, LATENT))
    assert np.isfinite(embedding).all() and (embedding.numpy() >= 0).all()
