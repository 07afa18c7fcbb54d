"""Identify a person from a photograph of a hand: a study of vision-language models."""

__version__ = "0.1.0"
