"""Networks and their training: what the neural methods of the families share. Modules here import torch."""
