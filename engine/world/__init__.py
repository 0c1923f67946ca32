"""An invented shop: people with hidden wishes, what they do by themselves, and what messages do to them.

Rules
- The world knows nothing of the engine; it is told what was sent and answers with what happened.
- Every draw is a hash of the seed, the person and the thing drawn, so neither the order nor the number of the
  questions changes an answer, and a larger world holds the same first people.
- The effects stand in `effects.py` as a table and are not tuned to make a report look good.
"""

from engine.world.behaviour import Happening
from engine.world.effects import ARMS, expected
from engine.world.people import People, Person, Truth
from engine.world.world import Sent, World

__all__ = ["ARMS", "Happening", "People", "Person", "Sent", "Truth", "World", "expected"]
