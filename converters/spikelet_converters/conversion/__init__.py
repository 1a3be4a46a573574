"""Conversion of trained networks to bundles.

checkpoint     `convert`: a checkpoint of a training
source         `convert_source`: an imported network, which is calibrated and compared with its source
copied_bundle  `convert_copies`: a bundle that gets copies of its neurons
"""
