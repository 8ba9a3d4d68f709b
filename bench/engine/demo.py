"""`python -m bench demo`: the demo recording, which comes with the repository, through the model that comes with it."""

import argparse
import time
from collections import Counter

import kwsd
from measure.paths import ROOT
from measure.sound import read
from measure.wav import RATE, cut


def main(arguments: list[str]) -> None:
    """Print what is heard of what is said, and what hearing it costs."""
    argparse.ArgumentParser(prog="python -m bench demo", description=__doc__).parse_args(arguments)
    model = kwsd.Model.load(ROOT / "models" / "kwsd-en")
    keywords = kwsd.load_keywords(ROOT / "keywords" / "demo.txt", model)
    sound = read(ROOT / "models" / "demo.wav")
    spotter = kwsd.Spotter(model, keywords)
    began_s = time.process_time()
    hits = [hit for block in cut(sound) for hit in spotter.accept(block)] + spotter.finish()
    used_s = time.process_time() - began_s
    said, heard = Counter(keyword.phrase for keyword in keywords), Counter(hit.phrase for hit in hits)
    both, besides, length_s = (said & heard).total(), (heard - said).total(), len(sound) / RATE
    print(f"said: {said.total()} phrases; heard: {both}; heard besides: {besides}")
    print(f"{length_s:.1f} s of sound, {used_s:.2f} s of processor time: {100 * used_s / length_s:.1f} % of one core")
