"""The networks: pictures float (batch, 98, 40), grey values 0 to 255, in; logits (batch, 12) out."""
