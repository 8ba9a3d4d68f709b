"""What a trained directory carries of our code, so that transformers loads it where there is no kwsd.

`export` copies these files beside the weights and makes their imports of each other relative.
"""
