"""The contracts: schemas, examples and codecs must all say the same."""
