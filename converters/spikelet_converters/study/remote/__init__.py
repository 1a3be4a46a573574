"""Train the networks of studies on another machine, a limited time at a call, and carry images and networks by files.

The other machine needs torch and NumPy. Conversion and tests happen where the study is kept.
"""
