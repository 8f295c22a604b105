"""Publish a checkpoint of a study on the Hugging Face hub."""
