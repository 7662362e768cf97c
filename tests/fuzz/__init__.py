"""Random inputs of every kind for every public function, judged by exact arithmetic.

The inputs are in `strategies`, what is right in `oracles` and `honesty`, what every call has to do
whatever it is given in `manners`; a module of tests is one area. ``make test`` takes a few of the
inputs, always the same; ``make fuzz`` takes many, other ones each time.
"""
