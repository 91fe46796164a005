"""Networks as ONNX files: written by a process that has torch (`write`), run by ONNX Runtime in one that has not.

An export is a folder with the network and what torch computed with it on pictures that every process can make again.
ONNX Runtime is compared with that before it may vote.
"""
