"""The parts of ``tools/bench``.

``rows`` says what is measured, ``worker`` runs it inside a process of one side, ``runner`` has the sides take
turns, ``environment`` makes a place where both stand on one libzmq, ``report`` and ``plot`` show the result.
"""
