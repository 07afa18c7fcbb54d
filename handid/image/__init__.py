"""From image files to batches on a device: decoding, the cache of pixels, augmentation, order."""
