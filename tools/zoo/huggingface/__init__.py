"""transformers models built from their configurations; a row of a table says what differs from the defaults."""
from . import audio, composed, decode, decoders, encoders, recurrent, seq2seq, series, vision, vision_text
