"""The generation of the fold: a golden log guards it; whoever changes what the fold says raises it."""

GEN = 1
