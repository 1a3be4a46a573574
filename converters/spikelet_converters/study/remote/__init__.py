"""Train networks of studies on another machine in calls of limited time; images and networks are exchanged as files.

The other machine needs torch and NumPy. Conversion and tests run on the machine of the study.
"""
