"""Genes as vectors: one recipe per key, one module per family, one safetensors file per partition."""
